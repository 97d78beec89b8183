"""A request as the clients' programs read it: lines of words parted by tabs, the values in Base64."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

JSON, URLENCODED, MULTIPART = "json", "urlencoded", "multipart"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client is to send, by its own means."""

    kind: str  # JSON, URLENCODED or MULTIPART
    fields: tuple[tuple[str, str], ...]  # a name may stand here several times
    files: tuple[tuple[str, Path], ...] = ()  # the name of the field, and the file under its own name
    path: str = "send-email/"

    def written(self, url: str) -> str:
        """Return the lines for a program that sends to the URL of the API."""
        return "".join("\t".join(line) + "\n" for line in self._lines(url))

    def _lines(self, url: str) -> Iterator[tuple[str, ...]]:
        yield "url", _encoded(url + self.path)
        yield "kind", self.kind
        yield "json", _encoded(json.dumps(self._object(), ensure_ascii=False))
        for name, value in self.fields:
            yield "field", _encoded(name), _encoded(value)
        for name, path in self.files:
            yield "file", _encoded(name), _encoded(path.name), _encoded(str(path))

    def _object(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in self.fields:
            before = found.get(name)
            found[name] = (
                value if before is None else [*(before if isinstance(before, list) else [before]), value]
            )
        return found


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
