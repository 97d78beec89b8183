"""File names and content types of attachments."""

import mimetypes
import re
import unicodedata

from providers.mime import content_types

MAX_BYTES = 150
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# Amazon SES refuses these in a file name, and Windows cannot store them.
_UNSTORABLE = re.compile(r'[\\/:*?"<>|]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_FILE_LIKE = re.compile(r"[^\\/]+\.[A-Za-z0-9]{1,10}")
UNKNOWN_TYPE = content_types.UNKNOWN


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
    """Return the type to declare: what the client said if it is well formed, else what the name suggests.

    Parameters such as `charset` and `method` stay with the client's type; see mime.content_types.
    """
    known = content_types.read(declared)
    if not known or content_types.bare(declared) == UNKNOWN_TYPE:
        return content_types.read(mimetypes.guess_type(filename)[0] or "") or UNKNOWN_TYPE
    return known


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = name, ""
    room = MAX_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + (dot + extension if extension else "")
