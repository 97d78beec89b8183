import sys
from pathlib import Path

import httpx
from given import given

url, kind, body, fields, files = given(sys.argv[1])
data = {}
for name, value in fields:
    data.setdefault(name, []).append(value)
parts = [(name, (filename, Path(path).open("rb"))) for name, filename, path in files]  # noqa: SIM115
if kind == "json":
    answer = httpx.post(url, json=body, timeout=60)
elif kind == "urlencoded":
    answer = httpx.post(url, data=data, timeout=60)
else:
    texts = [(name, (None, value.encode())) for name, value in fields]
    answer = httpx.post(url, files=texts + parts, timeout=60)
print(answer.status_code, answer.text)
