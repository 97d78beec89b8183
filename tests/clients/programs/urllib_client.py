"""The standard library alone: urllib, and the email package for what urllib cannot build."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

from given import given

url, kind, body, fields, files = given(sys.argv[1])


def form():
    message = MIMEMultipart("form-data")
    for name, value in fields:
        part = MIMEText(value, "plain", "utf-8")  # in Base64
        part.add_header("Content-Disposition", "form-data", name=name)
        message.attach(part)
    for name, filename, path in files:
        part = MIMEApplication(Path(path).read_bytes())
        part.add_header("Content-Disposition", "form-data", name=name, filename=filename)
        message.attach(part)
    _, _, text = message.as_bytes().partition(b"\n\n")
    kind_of_form = message["Content-Type"].replace("\n", "")
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), kind_of_form


if kind == "json":
    data, content_type = json.dumps(body).encode(), "application/json"
elif kind == "urlencoded":
    data, content_type = urllib.parse.urlencode(fields).encode(), None
else:
    data, content_type = form()
request = urllib.request.Request(url, data, {"Content-Type": content_type} if content_type else {})
try:
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
