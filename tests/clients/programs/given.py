"""The request that a Python program is to send."""

import base64
import json
from pathlib import Path


def given(path):
    """Return URL, kind, the object of JSON, fields, and files as (field, name, path)."""
    lines = [line.rstrip("\n").split("\t") for line in Path(path).open(encoding="ascii")]  # noqa: SIM115
    words = [
        [line[0], *(base64.b64decode(word).decode() if line[0] != "kind" else word for word in line[1:])]
        for line in lines
    ]
    one = {line[0]: line[1] for line in words}
    fields = [tuple(line[1:]) for line in words if line[0] == "field"]
    files = [tuple(line[1:]) for line in words if line[0] == "file"]
    return one["url"], one["kind"], json.loads(one["json"]), fields, files
