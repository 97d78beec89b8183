"""An email whose file is damaged or missing: it goes to nobody, waits, and is sent when the file is whole again."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Circuit, Email
from delivery.recovery import rescue
from delivery.sending import rounds
from delivery.submission import emails
from tests import fakes
from tests.delivery.factories import a_file, draft, left

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


@pytest.fixture
def email() -> Email:
    """An email with a file, which a worker is to send."""
    return emails.accept(draft(attachments=(a_file(),)), team=None)


def dispatched(email: Email) -> Email:
    Email.objects.filter(pk=email.pk).update(due_at=timezone.now())
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    return email


def damage(folder: Path) -> Path:
    (file,) = left(folder)
    file.write_bytes(b"CONTENT")
    return file


def test_a_damaged_file_is_sent_to_nobody_and_its_email_waits(
    email: Email, attachment_folder: Path, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    damage(attachment_folder)
    dispatched(email)

    assert (ses.received, sendgrid.received) == ([], [])
    assert (email.status, email.reason) == ("queued", "Attachment damaged: a.txt is not what was stored.")
    assert list(email.attempts.values_list("provider", "outcome", "error", "code")) == [
        ("ses", "not_sent", "unreadable", "attachment_damaged")
    ]
    assert not Circuit.objects.exclude(state="closed").exists()


def test_a_missing_file_is_no_less_than_a_damaged_one(
    email: Email, attachment_folder: Path, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, caplog: Any
) -> None:
    left(attachment_folder)[0].unlink()
    dispatched(email)

    assert (ses.received, sendgrid.received) == ([], [])
    assert (email.status, email.reason) == ("queued", "Attachment missing: a.txt is not stored any more.")
    assert f"Email {email.pk} waits for its files: Attachment missing" in caplog.text


def test_who_sends_the_same_content_again_repairs_it_for_all(
    email: Email, attachment_folder: Path, ses: fakes.FakeVendor
) -> None:
    damage(attachment_folder)
    dispatched(email)
    emails.accept(draft(attachments=(a_file(),)), team=None)

    assert dispatched(email).status == "sent"
    (mail,) = ses.arrived()
    assert mail.mime is not None
    assert [part.get_content() for part in mail.mime.iter_attachments()] == ["content"]


def test_without_a_repair_it_expires_and_says_why(email: Email, attachment_folder: Path) -> None:
    damage(attachment_folder)
    dispatched(email)
    Email.objects.filter(pk=email.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    rescue.expire(email)

    email.refresh_from_db()
    assert (email.status, email.reason) == ("expired", "Attachment damaged: a.txt is not what was stored.")


def test_what_may_have_been_sent_stays_unknown_while_its_file_is_damaged(
    email: Email, attachment_folder: Path
) -> None:
    Email.objects.filter(pk=email.pk).update(status="unknown")
    damage(attachment_folder)
    assert (dispatched(email).status, email.possible_duplicate) == ("unknown", True)


def test_an_email_with_a_damaged_file_is_not_sent_again(
    api: fakes.Api, attachment_folder: Path, ses: fakes.FakeVendor
) -> None:
    sent = api.send(subject="x", attachments=[{"filename": "a.txt", "content": "Y29udGVudA=="}]).json()
    damage(attachment_folder)
    answer = api.post(f"emails/{sent['id']}/resend/", {})

    assert (answer.status_code, answer.json()["code"]) == (409, "content_gone")
    assert (Email.objects.count(), len(left(attachment_folder))) == (1, 1)


def test_an_upload_that_is_damaged_before_the_first_attempt_is_not_sent_either(
    attachment_folder: Path, ses: fakes.FakeVendor
) -> None:
    reads = iter([b"content", b"content", b"content", b"CONTENT"])  # looked through, hashed, stored, sent
    upload = replace(a_file(), open=lambda: BytesIO(next(reads)))
    email = emails.send(draft(attachments=(upload,)), team=None)

    assert (email.status, ses.received) == ("queued", [])
    assert dispatched(email).status == "sent"  # from the storage, where it is whole
