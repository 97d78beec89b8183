"""Archives are looked through before they are taken: bombs, lies and programs in disguise are refused, others pass."""

import bz2
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import time
import zipfile

import pytest

from delivery.files import archives
from delivery.files.refused import ArchiveEncrypted, ArchiveRefused, Disguised
from providers.message import file_of_bytes
from tests.archives import (
    MIB,
    PROGRAM,
    encrypted,
    nested,
    office,
    overlapping,
    said_to_have,
    said_to_unpack_to,
    tarred,
    zipped,
    zipped_as,
)

TEXT = b"Some words that a person has written.\n" * 50
REFUSED = ("encrypted",)


def inspect(content: bytes, name: str = "file.zip", kind: str = "application/octet-stream") -> None:
    archives.inspect(file_of_bytes(content, filename=name, content_type=kind), REFUSED)


def in_zip64() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as file:
        file.write(TEXT)
    return made.getvalue()


ORDINARY = {
    "a text": TEXT,
    "nothing": b"",
    "a zip": zipped(TEXT, TEXT),
    "an empty zip": zipped(),
    "a zip with a comment": zipped(TEXT)[:-2] + struct.pack("<H", 9) + b"a comment",
    "a zip behind a program that unpacks it": b"#!/bin/sh\nexec unzip $0\n" + zipped(TEXT),
    "a zip with one byte too many": zipped(TEXT) + b"\n",
    "a zip in the form of zip64": in_zip64(),
    "a thousand entries": zipped(*[b"x"] * 1000),
    "a zip that stores": zipped(TEXT, method=zipfile.ZIP_STORED),
    "a zip by bzip2": zipped(TEXT, method=zipfile.ZIP_BZIP2),
    "a zip by lzma": zipped(TEXT, method=zipfile.ZIP_LZMA),
    "three zips deep": nested(TEXT, 3),
    "an Office document": office(),
    "a zip of Office documents": zipped(*[office()] * 30, method=zipfile.ZIP_STORED),
    "a blank picture": zipped(b"\xff" * 1_000_000),
    "a gzip": gzip.compress(TEXT),
    "gzips in a row, filled up with zeros": gzip.compress(TEXT) + gzip.compress(TEXT) + bytes(512),
    "a bzip2": bz2.compress(TEXT),
    "an xz": lzma.compress(TEXT),
    "a tar": tarred({"a.txt": TEXT, "b.txt": TEXT}),
    "a tar.gz": tarred({"a.txt": TEXT}, "w:gz"),
    "a tar.bz2": tarred({"a.txt": TEXT}, "w:bz2"),
    "a tar.xz of a zip of a gzip": tarred({"a.zip": zipped(gzip.compress(TEXT))}, "w:xz"),
    "a zip that breaks off, which nobody can open": zipped(TEXT, TEXT)[:200],
    "bytes that begin like a zip": b"PK\x03\x04" + random.Random(1).randbytes(40_000),
    "a rar": b"Rar!\x1a\x07\x01\x00" + os.urandom(200),
    "a 7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + os.urandom(200),
    "a program by its name": PROGRAM,
    "a text that begins with MZ": b"MZ is the code of Mozambique, of course, and has been for some time.\n"
    * 5,
}


@pytest.mark.parametrize("what", ORDINARY)
def test_what_people_send_passes(what: str) -> None:
    inspect(ORDINARY[what], "setup.exe" if what == "a program by its name" else "file.zip")


def test_random_bytes_pass() -> None:
    chance = random.Random(7)
    for _ in range(200):
        inspect(chance.randbytes(2_000))


def lying_about_many() -> bytes:
    return said_to_have(1, zipped(*[b"x"] * 1500))


def chained_headers() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 0
    return header.tobuf(tarfile.USTAR_FORMAT) * 5_000 + bytes(1024)


BEYOND = {
    "1,001 entries": (zipped(*[b"x"] * 1001), "1,001 entries"),
    "1,500 entries that say to be one": (lying_about_many(), "more than 1,000"),
    "two entries that say to be one": (said_to_have(1, zipped(TEXT, TEXT)), "lies"),
    "packed 1,000 to 1": (zipped(bytes(20 * MIB)), "100 to 1"),
    "a gzip packed 1,000 to 1": (gzip.compress(bytes(20 * MIB)), "100 to 1"),
    "a bzip2 packed a million to 1": (bz2.compress(bytes(20 * MIB)), "100 to 1"),
    "an xz packed 7,000 to 1": (lzma.compress(bytes(20 * MIB)), "100 to 1"),
    "a tar.gz packed 1,000 to 1": (tarred({"a": bytes(20 * MIB)}, "w:gz"), "100 to 1"),
    "a bomb in a zip": (zipped(gzip.compress(bytes(20 * MIB))), "100 to 1"),
    "a declared size that is too small": (said_to_unpack_to(100, zipped(TEXT)), "lies"),
    "a declared size that is too large": (said_to_unpack_to(100_000, zipped(TEXT)), "lies"),
    "a declared size of 4 GB": (said_to_unpack_to(0xFFFFFFF0, zipped(TEXT)), "4,294,967,280"),
    "entries that overlap": (overlapping(os.urandom(2000), 500), "overlap"),
    "four zips deep": (nested(TEXT, 4), "3 deep"),
    "gzips four deep": (gzip.compress(gzip.compress(gzip.compress(gzip.compress(TEXT)))), "3 deep"),
    "a gzip that breaks off": (gzip.compress(os.urandom(1000))[:-50], "damaged"),
    "a zip with a broken entry": (zipped(TEXT).replace(zipped(TEXT)[40:50], b"\xff" * 10), "damaged"),
    "a tar with 1,001 entries": (tarred({f"{number}": b"" for number in range(1001)}), "1,000"),
    "a tar of headers alone": (chained_headers(), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("what", BEYOND)
def test_what_is_beyond_a_limit_or_lies_is_refused(what: str) -> None:
    content, reason = BEYOND[what]
    with pytest.raises(ArchiveRefused, match=reason):
        inspect(content)


def test_what_unpacks_to_more_than_100_mb_is_refused_by_what_it_declares() -> None:
    with pytest.raises(ArchiveRefused, match="104,857,600 are the most"):
        inspect(said_to_unpack_to(200 * MIB, zipped(os.urandom(3 * MIB))))


def test_the_limits_hold_for_all_archives_in_an_archive_together() -> None:
    part = gzip.compress(os.urandom(100_000) + bytes(5 * MIB))
    with pytest.raises(ArchiveRefused, match="more than 104,857,600 bytes"):
        inspect(zipped(*[part] * 25))


def test_an_encrypted_zip_is_refused_unless_the_policy_lets_it_through() -> None:
    with pytest.raises(ArchiveEncrypted, match="encrypted"):
        inspect(encrypted())
    with pytest.raises(ArchiveEncrypted):
        inspect(zipped(encrypted()))
    archives.inspect(file_of_bytes(encrypted(), filename="a.zip", content_type="x/y"), ())


@pytest.mark.parametrize(("what", "kind"), [("a rar", "rar"), ("a 7z", "7z")])
def test_kinds_that_cannot_be_read_are_refused_where_the_policy_says_so(what: str, kind: str) -> None:
    file = file_of_bytes(ORDINARY[what], filename="file", content_type="x/y")
    with pytest.raises(ArchiveRefused, match=kind):
        archives.inspect(file, (kind,))


@pytest.mark.parametrize("start", [PROGRAM, b"\x7fELF" + bytes(60), b"\xcf\xfa\xed\xfe" + bytes(60)])
def test_a_program_with_the_name_of_a_document_is_refused(start: bytes) -> None:
    for name in ("invoice.pdf", "photo.JPG", "list.csv"):
        with pytest.raises(Disguised, match="program"):
            inspect(start, name)
    with pytest.raises(Disguised):
        inspect(start, "picture", "image/png")
    with pytest.raises(Disguised, match=r"invoice\.pdf"):
        inspect(zipped_as({"invoice.pdf": start}))
    for name in ("setup.exe", "tool", "driver.sys", "library.so"):
        inspect(start, name)


def test_sixty_thousand_entries_cost_nothing() -> None:
    content = zipped(*[b"x" * 10] * 60_000)
    assert len(content) > 6 * MIB
    for made in (content, said_to_have(1, content)):
        began = time.perf_counter()
        with pytest.raises(ArchiveRefused):
            inspect(made)
        assert time.perf_counter() - began < 0.1


def test_a_full_archive_within_the_limits_costs_a_second_at_most() -> None:
    content = zipped(*[os.urandom(11_000) + bytes(MIB - 11_000)] * 95)
    began = time.perf_counter()
    inspect(content)
    assert time.perf_counter() - began < 2


def test_two_megabytes_of_empty_gzips_end_soon() -> None:
    began = time.perf_counter()
    with pytest.raises(ArchiveRefused, match="streams"):
        inspect(gzip.compress(b"") * 100_000)
    assert time.perf_counter() - began < 1
