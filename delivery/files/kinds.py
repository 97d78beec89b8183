"""What a file is by its first bytes: an archive, a program, or something else.

Cautious: only signatures of some length count, so that no text or picture is mistaken for either.
"""

import re
from typing import Final

HEAD: Final = 4096  # bytes that are looked at
ZIP, GZIP, BZIP2, XZ, TAR, RAR, SEVEN_ZIP = "zip", "gzip", "bzip2", "xz", "tar", "rar", "7z"
_STARTS: Final = (
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),  # an empty one
    (b"PK\x07\x08", ZIP),
    (b"\x1f\x8b\x08", GZIP),
    (b"\xfd7zXZ\x00", XZ),
    (b"Rar!\x1a\x07", RAR),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
)
# The block of data that follows begins with the digits of pi, an empty stream with those of its root.
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_PROGRAMS: Final = (
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",  # Mach-O, in either order of bytes, 32 and 64 bits
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",  # Mach-O for several machines, and Java
)
# Extensions under which nobody sends a program and means well.
_PEACEFUL_EXTENSIONS: Final = """
    pdf doc docx dot dotx xls xlsx xlsb xlt xltx ppt pptx pps ppsx pot potx odt ods odp odg rtf pages numbers key epub
    txt csv tsv md html htm xml json yaml yml toml log ics vcf eml
    jpg jpeg jfif png gif bmp tif tiff webp heic heif avif svg ico
    mp3 m4a aac wav flac ogg opus mp4 m4v mov avi mkv webm
    zip gz tgz tar bz2 xz 7z rar
"""
_PEACEFUL: Final = frozenset(_PEACEFUL_EXTENSIONS.split())
_PEACEFUL_TYPES: Final = ("image/", "audio/", "video/", "text/", "application/pdf")


def of(head: bytes) -> str:
    """Return the kind of archive that begins with these bytes; empty: none that is known."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if _BZIP2.match(head):
        return BZIP2
    return TAR if head[257:262] == b"ustar" else ""


def is_disguised(name: str, head: bytes, content_type: str = "") -> bool:
    """Tell whether a program has the name of a document; without an extension the declared type is its name."""
    return _is_program(head) and _sounds_peaceful(name, content_type)


def _is_program(head: bytes) -> bool:
    return head.startswith(_PROGRAMS) or (head.startswith(b"MZ") and _has_header_of_windows(head))


def _has_header_of_windows(head: bytes) -> bool:
    """Tell whether the bytes after MZ are the header of a program, and not a text that begins with these letters."""
    if len(head) < 64:
        return False
    at = int.from_bytes(head[60:64], "little")
    if at + 4 <= len(head):
        return head[at : at + 2] in (b"PE", b"NE", b"LE", b"LX")
    return head[28:36] == bytes(8)  # reserved; where the second header is further away, this has to do


def _sounds_peaceful(name: str, content_type: str) -> bool:
    _, dot, extension = name.rpartition(".")
    if dot:
        return extension.strip().lower() in _PEACEFUL
    return content_type.lower().startswith(_PEACEFUL_TYPES)
