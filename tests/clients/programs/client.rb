# net/http, as it comes with Ruby.
require "net/http"
require "base64"

lines = File.readlines(ARGV[0], chomp: true).map { |line| line.split("\t", -1) }
text = ->(word) { Base64.decode64(word).force_encoding("UTF-8") }
one = lines.to_h { |line| [line[0], line[1]] }
fields = lines.select { |line| line[0] == "field" }.map { |line| line[1..].map(&text) }
files = lines.select { |line| line[0] == "file" }.map { |line| line[1..].map(&text) }
uri = URI(text.(one["url"]))
request = Net::HTTP::Post.new(uri)
case one["kind"]
when "json"
  request.body = text.(one["json"])
  request.content_type = "application/json"
when "urlencoded"
  request.set_form(fields, "application/x-www-form-urlencoded")
else
  parts = files.map { |name, filename, path| [name, File.open(path, "rb"), { filename: filename }] }
  request.set_form(fields + parts, "multipart/form-data")
end
answer = Net::HTTP.start(uri.hostname, uri.port) { |http| http.request(request) }
puts "#{answer.code} #{answer.body}"
