import { createRequire } from "node:module";
import { url, kind, json, fields, form } from "./given.mjs";

const axios = createRequire(`${process.env.AXIOS_FROM || process.cwd()}/`)("axios");
const options = { validateStatus: () => true, maxBodyLength: Infinity, maxRedirects: 0 };
const sent = {
  json: () => axios.post(url, JSON.parse(json), options),
  urlencoded: () => axios.post(url, new URLSearchParams(fields), options),
  multipart: () => axios.post(url, form(), options),
};
const answer = await sent[kind]();
console.log(answer.status, JSON.stringify(answer.data));
