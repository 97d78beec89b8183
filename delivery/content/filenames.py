"""File names and content types of attachments."""

import mimetypes
import re
import unicodedata

MAX_BYTES = 150
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# Amazon SES refuses these in a file name, and Windows cannot store them.
_UNSTORABLE = re.compile(r'[\\/:*?"<>|]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}")
_FILE_LIKE = re.compile(r"[^\\/]+\.[A-Za-z0-9]{1,10}")
UNKNOWN_TYPE = "application/octet-stream"


class InvalidFilename(ValueError):
    """This file name cannot be used."""


def clean(name: str) -> str:
    """Return the name without its path and without unstorable characters; raise InvalidFilename on controls."""
    if _CONTROL.search(name):
        raise InvalidFilename("contains a control or text-direction character")
    name = unicodedata.normalize("NFC", name[max(name.rfind("/"), name.rfind("\\")) + 1 :])
    name = _UNSTORABLE.sub("_", name).strip(" ").rstrip(".") or "attachment"
    name = f"_{name}" if _RESERVED.fullmatch(name) or name.startswith("..") else name
    return _shortened(name)


def looks_like_one(name: str) -> bool:
    """Tell whether a form field's name looks like a file name: it ends in an extension."""
    return bool(_FILE_LIKE.fullmatch(name))


def content_type(declared: str, filename: str) -> str:
    """Return the client's type if it is well-formed, else the type that the file name suggests.

    Composite types (multipart, message) may not be encoded in base64 (RFC 2045, 6.4): they become octet-stream.
    """
    declared = declared.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(declared) or declared == UNKNOWN_TYPE:
        declared = mimetypes.guess_type(filename)[0] or UNKNOWN_TYPE
    return UNKNOWN_TYPE if declared.startswith(("multipart/", "message/")) else declared


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = name, ""
    room = MAX_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + (dot + extension if extension else "")
