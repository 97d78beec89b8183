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
        ("..\\x\\y.txt", "y.txt"),
        ("\\\\server\\x\\y.txt", "y.txt"),
        ("rep\\ort.pdf", "rep_ort.pdf"),
        ("..", "attachment"),
        ("", "attachment"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("a:b?.txt", "a_b_.txt"),
        ("e\u0301.txt", "é.txt"),
        ("a\tb.txt", "a b.txt"),
        ("חשבונית\u200f 7.pdf", "חשבונית 7.pdf"),
        ("\u200ea.pdf\u200e", "a.pdf"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\u2066b\u2069\u061c.txt", "ab.txt"),
        ("\u200f", "attachment"),
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


@pytest.mark.parametrize("name", [*payloads.BROKEN, "a\u200f\nb", "a\t\rb"])
def test_control_characters_are_refused(name: str) -> None:
    with pytest.raises(filenames.InvalidFilename):
        filenames.clean(name)


@pytest.mark.parametrize(
    ("field", "own", "chosen"),
    [
        ("report.pdf", "", "report.pdf"),
        ("report.pdf", "blob", "report.pdf"),
        ("report.PDF", "x1", "report.PDF"),
        ("report.docx", "blob", "report.docx"),
        ("archive.tar.gz", "blob", "archive.tar.gz"),
        ("report.pdf", "tmp.bin", "tmp.bin"),
        ("report.pdf", "C:\\dir.d\\x", "report.pdf"),
        ("report.pdf", "../a.b/x.txt", "../a.b/x.txt"),
        ("user.avatar", "", ""),
        ("user.avatar", "blob", "blob"),
        ("user.avatar", "report.pdf", "report.pdf"),
        ("form.file", "report.pdf", "report.pdf"),
        ("attachments[0].file", "report.pdf", "report.pdf"),
        ("file", "x", "x"),
        ("a/b.txt", "x", "x"),
        ("a.", "x", "x"),
        (".txt", "x", "x"),
    ],
)
def test_a_file_is_called_as_itself_unless_only_its_field_has_the_name_of_a_file(
    field: str, own: str, chosen: str
) -> None:
    assert filenames.chosen(own, field=field) == chosen


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
    filenames.chosen(name, field=name)
    assert time.process_time() - start < 20
