"""A second reader of mail, written by hand: one that knows RFC 822, 2045 and 2047, and nothing younger.

The first is the standard library's, which GoMail's authors know well. This one reads as old programs do: file names
from `name=` in Content-Type, in encoded words, and nothing of RFC 2231.
"""

import quopri
import re
from base64 import b64decode
from dataclasses import dataclass, field

_WORD = re.compile(r"=\?([^?\s]+)\?([bqBQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t]+(?==\?[^?\s]+\?[bqBQ]\?)")


@dataclass
class Part:
    """One part: its headers as they stand on their unfolded lines, its content or its parts."""

    headers: dict[str, str]  # names in lower case
    content: bytes = b""
    parts: list["Part"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the type, decoded."""
        found = re.findall(r';\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', self.headers["content-type"])
        return {
            name.lower(): decoded(re.sub(r"\\(.)", r"\1", quoted) or token) for name, quoted, token in found
        }

    @property
    def disposition(self) -> str:
        return self.headers.get("content-disposition", "").partition(";")[0].strip()

    @property
    def name(self) -> str:
        return self.parameters.get("name", "")

    @property
    def text(self) -> str:
        return self.content.decode(self.parameters.get("charset", "ascii")).replace("\r\n", "\n")

    def leaves(self) -> list["Part"]:
        return [leaf for part in self.parts for leaf in part.leaves()] if self.parts else [self]


def read(raw: bytes) -> Part:
    """Read a mail, or a part of one."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = re.sub(r"\r\n(?=[ \t])", "", head.decode("ascii")).split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon, line
        assert name.lower() not in headers
        headers[name.lower()] = value.strip()
    part = Part(headers=headers)
    if part.kind.startswith("multipart/"):
        boundary = b"\r\n--" + part.parameters["boundary"].encode()
        first, *pieces, last = (b"\r\n" + body).split(boundary)
        assert (first, last[:2]) == (b"", b"--")
        part.parts = [read(piece.removeprefix(b"\r\n")) for piece in pieces]
    else:
        part.content = _plain(body, headers.get("content-transfer-encoding", "7bit").lower())
    return part


def decoded(value: str) -> str:
    """Decode the encoded words of a value, each for itself as RFC 2047 asks."""
    return _WORD.sub(_decode, _BETWEEN_WORDS.sub(r"\1", value))


def _decode(word: re.Match[str]) -> str:
    charset, encoding, text = word.groups()
    data = b64decode(text) if encoding in "bB" else quopri.decodestring(text.replace("_", " "))
    return data.decode(charset)


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return b64decode(body)
    return (
        quopri.decodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        if encoding[0] == "q"
        else body
    )
