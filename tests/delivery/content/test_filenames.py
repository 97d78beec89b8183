"""What an attachment may be called."""

import re
import time

import pytest

from delivery.content import filenames
from tests.api import payloads


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.txt", "y.txt"),
        ("..", "attachment"),
        ("", "attachment"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("a:b?.txt", "a_b_.txt"),
        ("e\u0301.txt", "é.txt"),
        ("日本語.pdf", "日本語.pdf"),
        ("a" * 300 + ".pdf", "a" * 146 + ".pdf"),
        ("é" * 200 + ".pdf", "é" * 73 + ".pdf"),
    ],
)
def test_a_name_is_cleaned_of_what_cannot_be_stored(name: str, cleaned: str) -> None:
    assert filenames.clean(name) == cleaned


@pytest.mark.parametrize("name", payloads.FILENAMES)
def test_a_hostile_name_becomes_a_harmless_one(name: str) -> None:
    cleaned = filenames.clean(name)
    assert re.fullmatch(r'[^\\/:*?"<>|\x00-\x1f]+', cleaned)
    assert len(cleaned.encode()) <= 151
    assert not cleaned.startswith("..")


@pytest.mark.parametrize("name", [*payloads.BROKEN, "a\u202egpj.exe", "a\u200fb", "a\u2066b", "a\u061cb"])
def test_control_and_direction_characters_are_refused(name: str) -> None:
    with pytest.raises(filenames.InvalidFilename):
        filenames.clean(name)


@pytest.mark.parametrize(
    ("field", "named"),
    [("report.pdf", True), ("a.b", True), ("file", False), ("a/b.txt", False), ("a.", False)],
)
def test_a_fields_name_with_an_extension_is_a_files_name(field: str, named: bool) -> None:
    assert filenames.looks_like_one(field) is named


@pytest.mark.parametrize(
    ("declared", "name", "kind"),
    [
        ("text/plain; charset=utf-8", "a.pdf", "text/plain; charset=utf-8"),
        ("", "a.pdf", "application/pdf"),
        ("application/octet-stream", "a.pdf", "application/pdf"),
        ("nonsense", "a.unknown", "application/octet-stream"),
        ("text/plain\r\nX-Evil: 1", "a", "application/octet-stream"),
        ("multipart/mixed", "a", "application/octet-stream"),
        ("message/rfc822", "a.eml", "application/octet-stream"),
    ],
)
def test_the_declared_type_is_kept_if_it_is_one(declared: str, name: str, kind: str) -> None:
    assert filenames.content_type(declared, name) == kind


@pytest.mark.parametrize(
    "name", ["a/" * 5_000_000, "é" * 5_000_000, "." * 10_000_000, " " * 10_000_000, "a." * 5_000_000]
)
def test_megabytes_of_a_name_cost_no_time(name: str) -> None:
    start = time.process_time()
    filenames.clean(name)
    filenames.looks_like_one(name)
    assert time.process_time() - start < 20
