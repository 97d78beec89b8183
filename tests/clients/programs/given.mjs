import fs from "node:fs";

const text = (word) => Buffer.from(word, "base64").toString();
const lines = fs.readFileSync(process.argv[2], "ascii").replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
const one = Object.fromEntries(lines);
export const url = text(one.url);
export const kind = one.kind;
export const json = text(one.json);
export const fields = lines.filter((line) => line[0] === "field").map((line) => line.slice(1).map(text));
export const files = lines.filter((line) => line[0] === "file").map((line) => line.slice(1).map(text));

export function form() {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  for (const [name, filename, path] of files) data.append(name, new Blob([fs.readFileSync(path)]), filename);
  return data;
}
