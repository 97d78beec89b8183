// net/http and mime/multipart, as they come with Go.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func text(word string) string {
	found, _ := base64.StdEncoding.DecodeString(word)
	return string(found)
}

func main() {
	content, _ := os.ReadFile(os.Args[1])
	var kind, address, json string
	values := url.Values{}
	body := &bytes.Buffer{}
	form := multipart.NewWriter(body)
	for _, line := range strings.Split(strings.TrimRight(string(content), "\n"), "\n") {
		words := strings.Split(line, "\t")
		switch words[0] {
		case "url":
			address = text(words[1])
		case "kind":
			kind = words[1]
		case "json":
			json = text(words[1])
		case "field":
			values.Add(text(words[1]), text(words[2]))
			form.WriteField(text(words[1]), text(words[2]))
		case "file":
			part, _ := form.CreateFormFile(text(words[1]), text(words[2]))
			file, _ := os.Open(text(words[3]))
			io.Copy(part, file)
		}
	}
	form.Close()
	var answer *http.Response
	var err error
	switch kind {
	case "json":
		answer, err = http.Post(address, "application/json", strings.NewReader(json))
	case "urlencoded":
		answer, err = http.PostForm(address, values)
	default:
		answer, err = http.Post(address, form.FormDataContentType(), body)
	}
	if err != nil {
		panic(err)
	}
	said, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(said))
}
