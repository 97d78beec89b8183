"""File names and content types of attachments."""

import mimetypes
import re
import unicodedata

from delivery.content import directions
from providers.mime import content_types

MAX_BYTES = 150
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Amazon SES refuses these in a file name, and Windows cannot store them.
_UNSTORABLE = re.compile(r'[\\/:*?"<>|]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:|\.{0,2})\\")
_FILE_LIKE = re.compile(r"[^/]+\.[A-Za-z0-9]{1,10}")
# Python's own table is the same everywhere; that of the machine is not. It lacks what offices and phones write.
_MORE_EXTENSIONS = """
    7z dmg rar zip zst docm docx odg odp ods odt ppsx pptm pptx xlsb xlsm xlsx key numbers
    pages epub rtf dwg dxf gpx kml kmz pkpass apk avif heic heif jfif webp aac flac m4a m4v
    ogg opus webm ics vcf eml msg p7m p7s gpg pem pgp sig log md sql toml yaml yml jsonl
"""
_KNOWN = frozenset(
    {
        extension.removeprefix(".")
        for extension in (*mimetypes.MimeTypes().types_map[True], *mimetypes.encodings_map)
    }
    | set(_MORE_EXTENSIONS.split())
)
UNKNOWN_TYPE = content_types.UNKNOWN


class InvalidFilename(ValueError):
    """This file name cannot be used."""


def clean(name: str) -> str:
    """Return the name without its path, direction marks and what cannot be stored, with blanks for tabs.

    Raise InvalidFilename on control characters.
    """
    name = directions.without_marks(name).replace("\t", " ")
    if _CONTROL.search(name):
        raise InvalidFilename("contains a control character")
    name = unicodedata.normalize("NFC", without_path(name))
    name = _UNSTORABLE.sub("_", name).strip(" ").rstrip(".") or "attachment"
    name = f"_{name}" if _RESERVED.fullmatch(name) or name.startswith("..") else name
    return _shortened(name)


def without_path(name: str) -> str:
    """Return the name without its folders. A backslash parts them on Windows; elsewhere it is a letter of the name."""
    end = name.rfind("\\") if _WINDOWS_PATH.match(name) else -1
    return name[max(name.rfind("/"), end) + 1 :]


def chosen(name: str, *, field: str) -> str:
    """Return a form's file's name: its own, or its field's where that alone ends in the extension of a known type."""
    return field if not _FILE_LIKE.fullmatch(without_path(name)) and _is_of_known_type(field) else name


def _is_of_known_type(name: str) -> bool:
    found = _FILE_LIKE.fullmatch(name)
    return bool(found) and name.rpartition(".")[2].lower() in _KNOWN


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
