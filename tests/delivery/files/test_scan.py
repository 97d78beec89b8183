"""Only clamd's `OK` is a clean verdict. The answers of a real clamd, and of scanners that misbehave."""

import base64
import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.files import archives, clamd, scan, storage
from delivery.files.refused import ArchiveEncrypted, ArchiveRefused, FileRefused, Malware
from delivery.files.scan import NotScanned, Verdict
from providers.message import Attachment, file_of_bytes
from tests import scanner
from tests.archives import MIB, encrypted, nested, office, tarred, zipped
from tests.scanner import EICAR, Clamd, Fake


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with scanner.running(tmp_path_factory.mktemp("clamd")) as running:
        yield running


@pytest.fixture
def fake(settings: Any) -> Iterator[Fake]:
    one = Fake(scanner.says(b"stream: OK\0"))
    settings.CLAMD_URL = one.url
    yield one
    one.close()


def a_file(content: bytes = b"content") -> Attachment:
    return file_of_bytes(content, filename="a.bin", content_type="application/octet-stream")


def verdict(content: bytes = b"content", *, seconds: float = 10) -> Verdict:
    file = a_file(content)
    return scan.verdict(file, storage.digest(file), time.monotonic() + seconds)


def in_a_mail(content: bytes) -> bytes:
    head = b"From: a@example.org\nTo: b@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: application/zip\n"
    return head + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(content)


FOUND = "Eicar-Test.UNOFFICIAL"
LIMITS = "Heuristics.Limits.Exceeded."
# What clamd says with the configuration of deploy/, and what comes of it here; before it, archives are looked through.
ROWS: dict[str, tuple[bytes, str, type[FileRefused] | None]] = {
    "EICAR": (EICAR, FOUND, Malware),
    "in a zip": (zipped(EICAR), FOUND, Malware),
    "in a zip in a zip in a zip": (nested(EICAR, 3), FOUND, Malware),
    "in a tar.gz": (tarred({"a": EICAR}, "w:gz"), FOUND, Malware),
    "in a gzip": (gzip.compress(EICAR), FOUND, Malware),
    "in an Office document": (zipped(office(), EICAR), FOUND, Malware),
    "in Base64 in a mail": (in_a_mail(zipped(EICAR)), FOUND, Malware),
    "five zips deep": (nested(EICAR, 5), f"{LIMITS}MaxRecursion", ArchiveRefused),
    "six zips deep": (nested(EICAR, 6), f"{LIMITS}MaxRecursion", ArchiveRefused),
    "ten zips deep": (nested(EICAR, 10), f"{LIMITS}MaxRecursion", ArchiveRefused),
    "last of 1,500 files": (zipped(*[b"x"] * 1499, EICAR), f"{LIMITS}MaxFiles", ArchiveRefused),
    "an encrypted zip": (encrypted(), "Heuristics.Encrypted.Zip", ArchiveEncrypted),
    "a bomb of 200 MB": (zipped(bytes(200 * MIB)), "", ArchiveRefused),
    "seven random megabytes": (os.urandom(7 * MIB), "", None),
    "an Office document": (office(), "", None),
    "a text": (b"Nothing of note.\n" * 100, "", None),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_real_clamd_and_the_limits_judge(what: str, real: Clamd, settings: Any) -> None:
    content, found, refused = ROWS[what]
    settings.CLAMD_URL = real.url
    assert verdict(content).found == found
    assert type(refused_here(content)) is (refused or type(None))


def refused_here(content: bytes) -> FileRefused | None:
    """Return what becomes of a file: its archive is looked through, then it is scanned."""
    try:
        archives.inspect(a_file(content), ("encrypted",))
    except FileRefused as refusal:
        return refusal
    return scan.refusal("a.bin", verdict(content))


def test_what_is_longer_than_clamd_takes_has_no_verdict(real: Clamd, settings: Any) -> None:
    settings.CLAMD_URL = real.tcp
    content = os.urandom(11 * MIB)
    assert "ERROR" in clamd.scan(real.tcp, a_file(content).open(), time.monotonic() + 10)
    with pytest.raises(NotScanned):
        verdict(content)


def test_seven_megabytes_take_about_a_second(real: Clamd, settings: Any) -> None:
    settings.CLAMD_URL = real.url
    began = time.perf_counter()
    verdict(os.urandom(7 * MIB))
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    "answer",
    [
        b"stream: ok\0",
        b"stream: OK \0",
        b"stream: OK",
        b"stream: NOT OK\0",
        b"OKAY\0",
        b"\0",
        b"",
        b"stream: Can't allocate memory ERROR\0",
        b"stream: FOUND\0",
        b"UNKNOWN COMMAND\0",
    ],
)
def test_whatever_is_not_exactly_ok_is_no_verdict(answer: bytes, fake: Fake) -> None:
    fake.behaviour = scanner.says(answer)
    with pytest.raises(NotScanned):
        verdict()


def test_an_ok_is_clean_and_anything_found_is_malware(fake: Fake) -> None:
    assert verdict() == Verdict(version="Fake 1/1")
    fake.behaviour = scanner.says(b"stream: Win.Trojan.OK FOUND\0")
    assert isinstance(scan.refusal("a.bin", verdict(b"other")), Malware)


def test_an_encrypted_file_may_be_let_through(fake: Fake, settings: Any) -> None:
    fake.behaviour = scanner.says(b"stream: Heuristics.Encrypted.PDF FOUND\0")
    assert isinstance(scan.refusal("a.pdf", verdict()), ArchiveEncrypted)
    settings.GOMAIL_REFUSED_ARCHIVES = ("none",)
    assert scan.refusal("a.pdf", verdict()) is None


def test_a_verdict_is_kept_for_its_content_and_the_version_of_the_signatures(fake: Fake) -> None:
    for _ in range(3):
        verdict(b"one")
    verdict(b"two")
    assert fake.files == 2
    fake.version = b"Fake 1/2\0"
    verdict(b"one")
    assert fake.files == 2  # the version is read once a minute
    scan._scanner._version_until = 0
    verdict(b"one")
    assert fake.files == 3


def test_a_scanner_that_hangs_holds_no_longer_than_it_may(fake: Fake) -> None:
    fake.behaviour = scanner.hangs
    began = time.monotonic()
    with pytest.raises(NotScanned):
        verdict(os.urandom(7 * MIB), seconds=0.5)
    assert time.monotonic() - began < 2


def test_after_three_failures_it_is_not_asked_for_a_while(fake: Fake) -> None:
    fake.behaviour = scanner.breaks_off
    for _ in range(5):
        with pytest.raises(NotScanned):
            verdict(os.urandom(100_000))
    assert fake.files == 3
    fake.behaviour = scanner.says(b"stream: OK\0")
    scan._scanner._paused_until = 0
    assert verdict().found == ""


def test_a_scanner_that_is_not_there_gives_no_verdict(settings: Any, tmp_path: Path) -> None:
    settings.CLAMD_URL = f"unix://{tmp_path}/nobody"
    with pytest.raises(NotScanned):
        verdict()
    assert scan.trouble()


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("unix:///run/clamav/clamd.ctl", "/run/clamav/clamd.ctl"),
        ("tcp://clamd:3310", ("clamd", 3310)),
        ("tcp://clamd", ("clamd", 3310)),
        ("tcp://[::1]:1234", ("::1", 1234)),
    ],
)
def test_an_address_is_a_path_or_a_host_and_a_port(url: str, where: object) -> None:
    assert clamd.address(url) == where


@pytest.mark.parametrize("url", ["clamd:3310", "http://clamd", "unix://run/clamd", "tcp://", "tcp://a:b"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        clamd.address(url)
