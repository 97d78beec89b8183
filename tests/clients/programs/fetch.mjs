import { url, kind, json, fields, form } from "./given.mjs";

const sent = {
  json: () => ({ body: json, headers: { "Content-Type": "application/json" } }),
  urlencoded: () => ({ body: new URLSearchParams(fields) }),
  multipart: () => ({ body: form() }),
};
const answer = await fetch(url, { method: "POST", ...sent[kind]() });
console.log(answer.status, await answer.text());
