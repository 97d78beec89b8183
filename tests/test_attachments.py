"""No attachment is sent that is malware, that is a bomb, or that nobody has scanned, whichever way it comes in."""

import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from delivery.files import scan
from delivery.models import Attachment, Email, IdempotencyKey
from delivery.recovery import rescue
from delivery.sending import rounds, scanning
from tests import fakes, scanner
from tests.archives import MIB, PROGRAM, encrypted, nested, office, zipped
from tests.delivery.doctor.runs import found as doctors
from tests.paths import DATA
from tests.scanner import EICAR, Clamd, Fake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
FILE = b"%PDF-1.4 An invoice.\n"
Vendors = tuple[fakes.FakeVendor, fakes.FakeVendor]
TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with scanner.running(tmp_path_factory.mktemp("clamd")) as running:
        yield running


@pytest.fixture
def real(_running: Clamd, settings: Any) -> Clamd:
    settings.CLAMD_URL = _running.url
    return _running


@pytest.fixture
def fake(settings: Any) -> Iterator[Fake]:
    one = Fake(scanner.says(b"stream: OK\0"))
    settings.CLAMD_URL = one.url
    yield one
    one.close()


@pytest.fixture
def vendors(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> Vendors:
    return ses, sendgrid


def entry(content: bytes = FILE, **fields: Any) -> dict[str, Any]:
    file = {"filename": "invoice.zip", "content": b64encode(content).decode()}
    people = {"from_address": "me@example.org", "to_addresses": ["ann@example.org"]}
    return {**people, "subject": "Hi", "attachments": [file], **fields}


def post(api: fakes.Api, path: str, body: Any, **headers: str) -> Any:
    headers |= api.headers
    return api.client.post(fakes.V1 + path, body, content_type="application/json", headers=headers)


def sync(api: fakes.Api, content: bytes) -> Any:
    return post(api, "send-email/", entry(content))


def unwaited(api: fakes.Api, content: bytes) -> Any:
    return post(api, "send-email/", entry(content), Prefer="respond-async")


def scheduled(api: fakes.Api, content: bytes) -> Any:
    return post(api, "send-email/", entry(content, send_at=TOMORROW))


def form(api: fakes.Api, content: bytes) -> Any:
    file = BytesIO(content)
    file.name = "invoice.zip"
    return api.send_form(subject="Hi", file=file)


def tried(api: fakes.Api, content: bytes) -> Any:
    return post(api, "send-email/?dry_run=true", entry(content))


WAYS = (sync, unwaited, scheduled, form, tried)


def batch(api: fakes.Api, content: bytes, **headers: str) -> Any:
    return post(api, "batches/", {"emails": [entry(content), entry(subject="Other")]}, **headers)


def send_waiting() -> Email:
    """Let a worker have the email; return what became of it."""
    email = Email.objects.get()
    Email.objects.filter(pk=email.pk).update(due_at=Now())
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    return email


def nothing_is_kept(folder: Path) -> bool:
    stored = [path for path in folder.rglob("*") if path.is_file()]
    return not (Email.objects.exists() or IdempotencyKey.objects.exists() or stored)


REFUSED = {
    "archive_refused": nested(FILE, 4),
    "archive_encrypted": encrypted(),
    "disguised_attachment": zipped(PROGRAM),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("code", REFUSED)
def test_what_is_refused_is_422_and_nothing_is_kept(
    code: str, way: Any, api: fakes.Api, ses: fakes.FakeVendor, attachment_folder: Path
) -> None:
    answer = way(api, REFUSED[code])
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "invoice.zip" in answer.json()["message"]
    assert nothing_is_kept(attachment_folder)
    assert ses.received == []


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("content", [EICAR, zipped(EICAR)])
def test_malware_is_422_and_nothing_is_kept(
    content: bytes, way: Any, api: fakes.Api, ses: fakes.FakeVendor, attachment_folder: Path
) -> None:
    answer = way(api, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "malware")
    assert "Eicar-Test" in answer.json()["message"]
    assert nothing_is_kept(attachment_folder)
    assert ses.received == []


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
def test_malware_in_a_batch_is_refused_alone(headers: dict[str, str], real: Clamd, api: fakes.Api) -> None:
    answer = batch(api, EICAR, **headers)
    assert [row.get("code", row.get("status")) for row in answer.json()["results"]] == ["malware", "queued"]
    assert Email.objects.get().subject == "Other"
    assert Attachment.objects.get().scanned_as.startswith("ClamAV")


def test_what_people_attach_is_scanned_once_and_sent(
    fake: Fake, api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    files = [path.read_bytes() for path in sorted(DATA.iterdir())] + [office(), b""]
    for content in files:
        assert sync(api, content).status_code == 200
    assert (len(ses.received), fake.files) == (len(files), len(files))
    unwaited(api, b"not seen before")
    Email.objects.exclude(status="queued").delete()
    assert send_waiting().status == "sent"
    assert fake.files == len(files) + 1


def test_without_a_scanner_nothing_is_asked(fake: Fake, api: fakes.Api, settings: Any) -> None:
    settings.CLAMD_URL = ""
    assert sync(api, EICAR).status_code == 200
    assert fake.files == 0
    assert Attachment.objects.get().scanned_as == ""


def test_an_email_without_attachments_waits_for_no_scanner(api: fakes.Api, settings: Any) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    assert api.send(subject="Hi").status_code == 200


@pytest.mark.parametrize("way", [sync, unwaited, form])
def test_without_a_verdict_it_is_202_and_sent_once_it_is_scanned(
    way: Any, real: Clamd, api: fakes.Api, vendors: Vendors, settings: Any
) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    answer = way(api, FILE)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert "scanned" in answer.json()["message"]
    waiting = send_waiting()
    assert (waiting.status, waiting.attempts.count()) == ("queued", 0)
    assert waiting.reason.startswith("not_scanned: ")
    assert timezone.now() < waiting.due_at < timezone.now() + timedelta(seconds=50)  # type: ignore[operator]
    assert [vendor.received for vendor in vendors] == [[], []]

    settings.CLAMD_URL = real.url
    scan.forget()
    assert (send_waiting().status, len(vendors[0].received)) == ("sent", 1)
    assert Attachment.objects.get().scanned_as.startswith("ClamAV")


def test_malware_that_waited_for_its_verdict_fails_and_cannot_be_sent_again(
    real: Clamd, api: fakes.Api, ses: fakes.FakeVendor, settings: Any
) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    headers = {"Prefer": "respond-async", "Idempotency-Key": "one"}
    post(api, "send-email/", entry(EICAR), **headers)
    settings.CLAMD_URL = real.url
    scan.forget()
    failed = send_waiting()

    assert (failed.status, failed.recipients.get().status) == ("failed", "failed")
    assert failed.reason.startswith("malware: ")
    assert api.post(f"emails/{failed.pk}/resend/", {}).json()["code"] == "content_gone"
    again = post(api, "send-email/", entry(EICAR), **headers)
    assert (again.status_code, again.json()["code"]) == (422, "malware")
    assert ses.received == []


def test_what_is_sent_again_is_scanned_again(fake: Fake, api: fakes.Api) -> None:
    sent = sync(api, FILE).json()["id"]
    fake.version, fake.behaviour = b"Fake 1/2\0", scanner.says(b"stream: Newly.Known FOUND\0")
    scan.forget()
    answer = api.post(f"emails/{sent}/resend/", {})
    assert (answer.status_code, answer.json()["code"]) == (422, "malware")
    assert Email.objects.count() == 1


def test_what_was_never_scanned_has_failed_at_its_deadline(
    api: fakes.Api, ses: fakes.FakeVendor, settings: Any
) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    headers = {"Idempotency-Key": "one"}
    post(api, "send-email/", entry(), **headers)
    Email.objects.update(expires_at=Now() - timedelta(seconds=1))
    rescue.run()

    email = Email.objects.get()
    assert (email.status, email.recipients.get().status, email.due_at) == ("failed", "failed", None)
    assert email.reason.startswith("not_scanned: ")
    again = post(api, "send-email/", entry(), **headers)
    assert (again.status_code, again.json()["code"]) == (422, "not_scanned")
    assert ses.received == []


MISBEHAVING = {
    "breaks off": scanner.breaks_off,
    "hangs": scanner.hangs,
    "says half of OK": scanner.says(b"stream: O"),
    "does not end its OK": scanner.says(b"stream: OK"),
    "says ERROR": scanner.says(b"stream: INSTREAM size limit exceeded. ERROR\0"),
}


@pytest.mark.parametrize("what", MISBEHAVING)
def test_nothing_is_sent_while_a_scanner_misbehaves(
    what: str, fake: Fake, api: fakes.Api, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_HOLD", 0.3)
    fake.behaviour = MISBEHAVING[what]
    began = time.monotonic()
    assert sync(api, b"x" * MIB).status_code == 202
    assert time.monotonic() - began < 3
    assert send_waiting().status == "queued"
    assert [vendor.received for vendor in vendors] == [[], []]


def test_a_scanner_may_hold_a_request_for_ten_seconds() -> None:
    assert scanning._HOLD == 10
    assert 9 < scanning.deadline() - time.monotonic() <= 10


def test_the_emails_of_a_batch_are_held_together_not_one_after_the_other(
    fake: Fake, api: fakes.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_HOLD", 0.5)
    fake.behaviour = scanner.hangs
    emails = [entry(b"%d" % number) for number in range(20)]
    for headers in ({}, {"Idempotency-Key": "one"}):
        began = time.monotonic()
        answer = post(api, "batches/", {"emails": emails}, **headers)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 20)
        assert time.monotonic() - began < 4
    assert "scanned" in answer.json()["results"][0]["message"]


def test_a_clamd_that_hangs_and_one_that_is_killed_send_nothing_and_then_all(
    tmp_path: Path, api: fakes.Api, ses: fakes.FakeVendor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    with scanner.running(tmp_path / "own") as own:
        settings.CLAMD_URL = own.url
        assert sync(api, b"before").status_code == 200
        monkeypatch.setattr(scanning, "_HOLD", 0.5)
        own.hang()
        assert [sync(api, b"%d" % number).status_code for number in range(5)] == [202] * 5
        own.go_on()
        own.kill()
        scan.forget()
        assert [unwaited(api, b"%d" % number).status_code for number in range(5, 9)] == [202] * 4
        assert len(ses.received) == 1
        own.start()
        scan.forget()
        monkeypatch.setattr(scanning, "_HOLD", 10)
        Email.objects.filter(status="queued").update(due_at=Now())
        for email in Email.objects.filter(status="queued"):
            rounds.dispatch(email.pk)
    assert set(Email.objects.values_list("status", flat=True)) == {"sent"}
    assert len(ses.received) == 10


def test_a_dry_run_says_that_it_would_wait_for_the_scanner(api: fakes.Api, settings: Any) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    answer = tried(api, FILE)
    assert answer.status_code == 200
    assert "could not be scanned now" in answer.json()["message"]
    assert not Email.objects.exists()


def test_health_and_the_doctor_say_that_the_scanner_is_away(
    fake: Fake, api: fakes.Api, settings: Any
) -> None:
    assert api.client.get("/health/ready").json()["scanner"] == "ok"
    assert not doctors()["scanner"]["is_wrong"]
    settings.CLAMD_URL = "unix:///nobody/is/there"
    scan.forget()
    unwaited(api, FILE)
    told = api.client.get("/health/ready")
    assert (told.status_code, told.json()["status"], told.json()["scanner"]) == (200, "degraded", "away")
    said = doctors()["scanner"]
    assert (said["is_wrong"], said["examples"]) == (True, [str(Email.objects.get().pk)])
    settings.CLAMD_URL = ""
    assert api.client.get("/health/ready").json()["scanner"] == "off"
    assert not doctors()["scanner"]["is_wrong"]


def test_a_batch_that_is_repeated_names_what_has_failed_meanwhile(api: fakes.Api, settings: Any) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    emails = {"emails": [entry()]}
    headers = {"Idempotency-Key": "one"}
    post(api, "batches/", emails, **headers)
    Email.objects.update(expires_at=Now() - timedelta(seconds=1))
    rescue.run()
    assert post(api, "batches/", emails, **headers).json()["results"][0]["status"] == "failed"
