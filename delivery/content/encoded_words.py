"""Encoded words (RFC 2047) that a client wrote where plain Unicode is read."""

import binascii
import re
from itertools import groupby

_WORD = re.compile(r"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[A-Za-z0-9-]*)?\?([bBqQ])\?([!->@-~]*)\?=")
_BETWEEN = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?)")


class InvalidWord(ValueError):
    """An encoded word whose charset is not known, or whose bytes are no text in it."""


def decoded(text: str) -> str:
    """Return a text with its encoded words decoded, once; what only looks like one stays. Raise InvalidWord."""
    if "=?" not in text:
        return text
    parts = _WORD.split(_BETWEEN.sub("", text))
    plain, words = parts[::4], zip(parts[1::4], parts[2::4], parts[3::4], strict=True)
    pieces: list[tuple[str, bytes]] = [("", plain[0].encode())]
    for following, (charset, encoding, content) in zip(plain[1:], words, strict=True):
        pieces += [(charset.lower(), _bytes(encoding, content)), ("", following.encode())]
    return _joined([piece for piece in pieces if piece[1]])


def decoded_or_none(text: str) -> str | None:
    """Return a text that is nothing but encoded words, decoded; None where it is not, or holds a control character."""
    if not text.startswith("=?") or _WORD.sub("", _BETWEEN.sub("", text)):
        return None
    try:
        found = decoded(text)
    except InvalidWord:
        return None
    return found if found.isprintable() else None


def _bytes(encoding: str, content: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(content, header=True)
    try:
        return binascii.a2b_base64(content + "=" * (-len(content) % 4))
    except binascii.Error as error:
        raise InvalidWord(f"an encoded word is not Base64: {error}") from error


def _joined(pieces: list[tuple[str, bytes]]) -> str:
    """Decode what belongs together together: a character's bytes may be in two words."""
    return "".join(
        _text(charset, b"".join(content for _, content in group))
        for charset, group in groupby(pieces, key=lambda piece: piece[0])
    )


def _text(charset: str, content: bytes) -> str:
    try:
        return content.decode(charset or "utf-8")
    except (LookupError, ValueError) as error:
        raise InvalidWord(f"an encoded word is no text in {charset[:40]!a}") from error
