"""Archives as people make them, and as those make them who mean harm."""

import io
import struct
import tarfile
import zipfile

MIB = 1024 * 1024
PROGRAM = b"MZ" + bytes(58) + struct.pack("<L", 64) + b"PE\0\0" + bytes(100)


def zipped(*contents: bytes, name: str = "file", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    return zipped_as({f"{name}-{number}.txt": content for number, content in enumerate(contents)}, method)


def zipped_as(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def nested(content: bytes, depth: int) -> bytes:
    """Return the content in so many zips."""
    for _ in range(depth):
        content = zipped(content)
    return content


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    """Return a tar; mode w:gz, w:bz2, w:xz: compressed."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def encrypted(content: bytes = b"secret") -> bytes:
    """Return a zip whose entry says that it is encrypted, in its local header and in the directory."""
    made = bytearray(zipped(content, method=zipfile.ZIP_STORED))
    for start in (made.index(b"PK\x03\x04") + 6, made.index(b"PK\x01\x02") + 8):
        made[start] |= 1
    return bytes(made)


def _end(made: bytes) -> int:
    return made.rindex(b"PK\x05\x06")


def said_to_have(entries: int, made: bytes) -> bytes:
    """Return the zip with another number of entries at its end."""
    return made[: _end(made) + 8] + struct.pack("<2H", entries, entries) + made[_end(made) + 12 :]


def said_to_unpack_to(size: int, made: bytes) -> bytes:
    """Return the zip of one entry with another declared size."""
    at = made.index(b"PK\x01\x02") + 24
    return made[:at] + struct.pack("<L", size) + made[at + 4 :]


def overlapping(content: bytes, times: int) -> bytes:
    """Return a zip in which many entries are the same bytes: they cost nothing, and unpack each."""
    made = zipped(content)
    begin, end = made.index(b"PK\x01\x02"), _end(made)
    directory = made[begin:end] * times
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, times, times, len(directory), begin, 0)
    return made[:begin] + directory + tail


def office() -> bytes:
    """Return a document as a word processor saves it: some XML, and a picture that is blank."""
    sheet = b"".join(b'<c r="A%d" s="1" t="s"><v>%d</v></c>' % (row, row) for row in range(20_000))
    return zipped_as(
        {
            "[Content_Types].xml": b'<?xml version="1.0"?><Types/>' * 20,
            "word/document.xml": b"<w:p><w:r><w:t>Quarterly figures</w:t></w:r></w:p>" * 2_000,
            "xl/worksheets/sheet1.xml": sheet,
            "word/media/image1.bmp": b"BM" + b"\xff" * 900_000,
            "word/embeddings/figures.xlsx": zipped_as({"xl/workbook.xml": b"<workbook/>" * 50}),
        }
    )
