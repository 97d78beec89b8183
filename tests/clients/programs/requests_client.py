import sys
from pathlib import Path

import requests
from given import given

url, kind, body, fields, files = given(sys.argv[1])
parts = [(name, (filename, Path(path).open("rb"))) for name, filename, path in files]  # noqa: SIM115
if kind == "json":
    answer = requests.post(url, json=body, timeout=60)
elif kind == "urlencoded":
    answer = requests.post(url, data=fields, timeout=60)
else:  # without files requests sends urlencoded, unless a field stands among the files
    texts = [(name, (None, value)) for name, value in fields]
    answer = requests.post(url, files=texts + parts, timeout=60)
print(answer.status_code, answer.text)
