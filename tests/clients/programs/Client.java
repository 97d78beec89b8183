import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

/** java.net.http for what it can build; a form as the tutorials of HttpURLConnection build it, boundary and all. */
public class Client {
    static String text(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        String kind = "", url = "", json = "";
        List<String[]> fields = new ArrayList<>(), files = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(arguments[0]), StandardCharsets.US_ASCII)) {
            String[] words = line.split("\t", -1);
            if (words[0].equals("kind")) { kind = words[1]; continue; }
            for (int i = 1; i < words.length; i++) words[i] = text(words[i]);
            if (words[0].equals("url")) url = words[1];
            if (words[0].equals("json")) json = words[1];
            if (words[0].equals("field")) fields.add(words);
            if (words[0].equals("file")) files.add(words);
        }
        String type = "application/json";
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        if (kind.equals("urlencoded")) {
            StringJoiner pairs = new StringJoiner("&");
            for (String[] field : fields)
                pairs.add(URLEncoder.encode(field[1], StandardCharsets.UTF_8) + "="
                        + URLEncoder.encode(field[2], StandardCharsets.UTF_8));
            body = pairs.toString().getBytes(StandardCharsets.UTF_8);
            type = "application/x-www-form-urlencoded";
        } else if (kind.equals("multipart")) {
            String boundary = "===" + System.currentTimeMillis() + "===";
            body = form(boundary, fields, files);
            type = "multipart/form-data; boundary=" + boundary;
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).version(HttpClient.Version.HTTP_1_1)
                .header("Content-Type", type).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.body());
    }

    static byte[] form(String boundary, List<String[]> fields, List<String[]> files) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintWriter writer = new PrintWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8), true);
        String line = "\r\n";
        for (String[] field : fields)
            writer.append("--" + boundary).append(line)
                    .append("Content-Disposition: form-data; name=\"" + field[1] + "\"").append(line)
                    .append("Content-Type: text/plain; charset=UTF-8").append(line)
                    .append(line).append(field[2]).append(line).flush();
        for (String[] file : files) {
            writer.append("--" + boundary).append(line)
                    .append("Content-Disposition: form-data; name=\"" + file[1] + "\"; filename=\"" + file[2] + "\"")
                    .append(line).append("Content-Type: " + URLConnection.guessContentTypeFromName(file[2])).append(line)
                    .append("Content-Transfer-Encoding: binary").append(line).append(line).flush();
            out.write(Files.readAllBytes(Path.of(file[3])));
            writer.append(line).flush();
        }
        writer.append("--" + boundary + "--").append(line).close();
        return out.toByteArray();
    }
}
