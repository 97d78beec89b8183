"""manage.py prune: what is finished goes after its time, what is not stays, and nobody loses a file."""

import os
import signal
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings as gomail
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery import bundles
from delivery.db import ids
from delivery.files import storage
from delivery.models import (
    Alert,
    Attachment,
    Attempt,
    Circuit,
    CircuitChange,
    Email,
    IdempotencyKey,
    Incident,
    Recipient,
    SoftBounce,
    Suppression,
    Tag,
)
from delivery.models.email import FINISHED
from delivery.retention import prune
from delivery.search import query
from delivery.submission import emails, idempotency
from providers.message import Attachment as File
from tests import fakes
from tests.delivery.doctor.runs import wrong
from tests.delivery.factories import a_file, aged, content, draft, left, stored

pytestmark = pytest.mark.django_db
NOW = timezone.now
TWO_DAYS = 2 * 24 * 60  # minutes


def pruned(*arguments: str) -> str:
    out = StringIO()
    call_command("prune", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def ended(*files: File, days: float = 10, status: str = "sent", **fields: Any) -> Email:
    """Return an email that was made and finished so many days ago, with files as old."""
    bundle = bundles.waiting(draft(attachments=files, tags=("orders",)), None)
    email, then = bundle.email, NOW() - timedelta(days=days)
    email.id, email.created_at, email.status, email.due_at = ids.at(then), then, status, None
    email.finished_at = then
    for name, value in fields.items():
        setattr(email, name, value)
    for row in (*bundle.recipients, *bundle.attachments):
        row.email = email  # which has another id now
    bundle.keep_files()
    bundle.save()
    if status == "sent":
        Attempt.objects.create(email=email, provider="ses", epoch=0, outcome="accepted")
        email.recipients.update(status="accepted")
    for file in left(Path(storage.attachments().location)):  # type: ignore[attr-defined]
        aged(file, minutes=TWO_DAYS)
    return email


def texts(email: Email) -> tuple[str, bool]:
    email.refresh_from_db()
    return email.text_body + email.html_body, email.body_pruned_at is not None


# What goes, and what stays.


def test_everything_is_kept_for_ever_unless_something_else_is_said(attachment_folder: Path) -> None:
    email = ended(a_file(), days=4000)
    said = pruned()

    assert "mails" not in said
    assert texts(email) == ("Hi\n", False)
    assert len(left(attachment_folder)) == 1


@pytest.mark.parametrize("status", Email.Status)
def test_only_what_is_finished_goes(status: str, attachment_folder: Path) -> None:
    email = ended(a_file(), status=status)
    pruned("--bodies", "5", "--attachments", "5")
    goes = status in {"sent", "partial", "failed", "expired", "cancelled"}

    assert texts(email) == (("", True) if goes else ("Hi\n", False))
    assert (email.attachments.get().pruned_at is not None) == goes
    assert len(left(attachment_folder)) == (0 if goes else 1)

    pruned("--emails", "5")
    assert Email.objects.exists() != goes
    assert Recipient.objects.exists() != goes


@pytest.mark.parametrize(("days", "goes"), [(4.9, False), (5.1, True)])
def test_what_is_finished_goes_after_its_days(days: float, goes: bool) -> None:
    ended(days=days)
    pruned("--emails", "5")
    assert Email.objects.exists() != goes


def test_the_days_count_from_the_end_and_not_from_the_beginning() -> None:
    ended(finished_at=NOW() - timedelta(days=1))
    pruned("--emails", "5")
    assert Email.objects.exists()


def test_settings_say_how_long_unless_the_command_does(settings: Any) -> None:
    settings.GOMAIL_KEEP_BODIES_DAYS = 5
    email = ended()
    pruned("--bodies", "0")
    assert texts(email) == ("Hi\n", False)
    pruned()
    assert texts(email) == ("", True)


@pytest.mark.parametrize("days", ["-1", "1.5", "a week", "٣", "36501", "9" * 5000])
def test_what_is_no_number_of_days_is_refused(days: str) -> None:
    with pytest.raises(CommandError, match="is not a number of days"):
        pruned("--bodies", days)


def test_an_email_goes_with_all_that_belongs_to_it() -> None:
    gone, stays = ended(subject="Marmalade one"), ended(subject="Marmalade two", days=1)
    for email in (gone, stays):
        IdempotencyKey.objects.create(scope="", key=str(email.pk), fingerprint="", waited=False, email=email)
    said = pruned("--emails", "5")

    assert "Emails: 1 deleted." in said
    for model in (Recipient, Attempt, Tag, IdempotencyKey):
        assert [row.email_id for row in model.objects.all()] == [stays.pk]  # type: ignore[attr-defined]
    assert list(query.by_text(Email.objects.all(), "marmalade")) == [stays]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_subject(delivery_subject, rank) VALUES ('integrity-check', 1)"
            )


def test_what_counts_and_holds_no_more_is_deleted() -> None:
    now = timezone.now()
    for days in (0, 31):
        SoftBounce.objects.create(address="a@example.org", day=(now - timedelta(days=days)).date())
        Suppression.objects.create(
            address=f"{days}@example.org", kind="manual", expires_at=now + timedelta(days=1 - days)
        )
    said = pruned()
    assert "Soft bounces of another month: 1 deleted." in said
    assert "Expired suppressions: 1 deleted." in said
    assert (SoftBounce.objects.count(), Suppression.objects.get().address) == (1, "0@example.org")


def test_a_dry_run_counts_and_changes_nothing(attachment_folder: Path) -> None:
    email = ended(a_file())
    aged(stored(attachment_folder, a_file(b"left over")), minutes=TWO_DAYS)
    said = pruned("--bodies", "5", "--attachments", "5", "--emails", "5", "--dry-run")

    for what in ("Emails", "Bodies", "Attachments", "Files that no email needs"):
        assert f"{what}: 1 would be deleted." in said
    assert (texts(email), len(left(attachment_folder))) == (("Hi\n", False), 2)


def test_a_second_run_finds_nothing_more_to_do(attachment_folder: Path) -> None:
    ended(a_file())
    assert "Bodies: 1 deleted." in pruned("--bodies", "5")
    assert "Bodies: 0 deleted." in pruned("--bodies", "5")


# Files.


def test_a_file_stays_while_another_email_needs_it(attachment_folder: Path) -> None:
    old, young = ended(a_file()), ended(a_file(), days=1)
    pruned("--attachments", "5")

    assert (old.attachments.get().pruned_at is not None, len(left(attachment_folder))) == (True, 1)
    assert content(young) == b"content"
    assert wrong("--deep") == []


def test_a_file_goes_with_the_last_email_that_needs_it(attachment_folder: Path) -> None:
    for email in (ended(a_file()), ended(a_file())):
        pruned("--emails", "0")
        assert len(left(attachment_folder)) == 1
        email.delete()
    pruned()
    assert left(attachment_folder) == []


def test_a_file_that_an_accept_is_about_to_name_stays(attachment_folder: Path) -> None:
    ended(a_file())
    bundle = bundles.waiting(draft(attachments=(a_file(),)), None)
    bundle.keep_files()
    pruned("--emails", "5")  # while that accept has not written its rows yet
    bundle.save()

    assert content(Email.objects.get()) == b"content"


def test_a_file_that_was_named_while_others_were_looked_at_stays(
    attachment_folder: Path, monkeypatch: Any
) -> None:
    ended(a_file())
    real = prune.unused_files.delete

    def delete(file: Path) -> bool:
        emails.accept(draft(attachments=(a_file(),)), team=None)
        return real(file)

    monkeypatch.setattr(prune.unused_files, "delete", delete)
    assert "Files that no email needs: 0 deleted." in pruned("--emails", "5")
    assert content(Email.objects.get()) == b"content"


# What is gone is seen to be gone.


def test_the_api_says_that_body_and_attachments_are_gone(api: fakes.Api) -> None:
    email = of_the_key(ended(a_file()), api)
    pruned("--bodies", "5", "--attachments", "5")
    found = api.get(f"emails/{email.pk}/").json()

    assert (found["text_body"], found["body_pruned_at"] is not None) == ("", True)
    (file,) = found["attachments"]
    assert (file["filename"], file["pruned_at"] is not None) == ("a.txt", True)


@pytest.mark.parametrize("option", ["--bodies", "--attachments"])
def test_what_is_not_whole_is_not_sent_again(api: fakes.Api, option: str) -> None:
    email = of_the_key(ended(a_file()), api)
    pruned(option, "5")
    answer = api.post(f"emails/{email.pk}/resend/", {})

    assert (answer.status_code, answer.json()["code"]) == (409, "content_gone")
    assert Email.objects.count() == 1


def test_what_lost_its_file_is_not_sent_again_either(api: fakes.Api, attachment_folder: Path) -> None:
    email = of_the_key(ended(a_file()), api)
    left(attachment_folder)[0].unlink()
    answer = api.post(f"emails/{email.pk}/resend/", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "content_gone")


def test_an_email_that_never_had_a_body_is_sent_again(api: fakes.Api) -> None:
    email = of_the_key(ended(text_body=""), api)
    assert api.post(f"emails/{email.pk}/resend/", {}).status_code == 202


def of_the_key(email: Email, api: fakes.Api) -> Email:
    from delivery.models import Team

    Email.objects.filter(pk=email.pk).update(team=Team.objects.get())
    return email


def test_the_admin_says_that_body_and_attachments_are_gone(attachment_folder: Path) -> None:
    email, _ = ended(a_file()), ended(a_file(), days=1)
    pruned("--bodies", "5", "--attachments", "5")
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))
    page = f"/admin/delivery/email/{email.pk}/"
    shown = admin.get(f"{page}change/").content.decode()

    assert "The body is not kept any more." in shown
    assert "not kept any more</span>" in shown
    assert "Raw message" not in shown
    file = email.attachments.get()
    for path in (f"files/{file.pk}/", "raw/"):
        answer = admin.get(page + path)
        assert (answer.status_code, b"not kept any more" in answer.content) == (404, True)


# What goes by itself.


def test_keys_go_after_a_day_when_their_email_is_finished() -> None:
    for days, status in ((2, "sent"), (2, "unknown"), (2, "queued"), (0.9, "sent")):
        row = IdempotencyKey(scope="", key=f"{days} {status}", fingerprint="", waited=False)
        row.email, row.created_at = ended(days=days, status=status), NOW() - timedelta(days=days)
        row.save()
    pruned()
    assert sorted(IdempotencyKey.objects.values_list("key", flat=True)) == [
        "0.9 sent",
        "2 queued",
        "2 unknown",
    ]


def test_a_key_that_is_gone_may_be_used_for_something_else() -> None:
    once = idempotency.use("k", None, what="first")
    IdempotencyKey.objects.create(
        scope="", key="k", fingerprint=once.fingerprint, waited=False, email=ended(),
        created_at=NOW() - timedelta(days=2),
    )  # fmt: skip
    other = idempotency.use("k", None, what="second")
    with pytest.raises(idempotency.UsedOtherwise):
        idempotency.find(other)
    pruned()
    assert idempotency.find(other) is None


def test_changes_of_circuits_are_kept_for_ninety_days() -> None:
    circuit = Circuit.objects.create(provider="ses")
    for days in (89, 91):
        CircuitChange.objects.create(circuit=circuit, state="open", at=NOW() - timedelta(days=days))
    pruned()
    assert CircuitChange.objects.count() == 1


def test_incidents_are_kept_for_ninety_days_after_their_end() -> None:
    for days in (89, 91):
        incident = Incident.objects.create(kind="disk", said="x", closed_at=NOW() - timedelta(days=days))
        for of in (incident, None):
            Alert.objects.create(incident=of, word="ended", at=NOW() - timedelta(days=days))
    Incident.objects.create(kind="clock", said="x", opened_at=NOW() - timedelta(days=91))
    pruned()
    assert (Incident.objects.count(), Alert.objects.count()) == (2, 2)


# A long log, and a sudden end.


def many(count: int, *, days: int = 10) -> None:
    then = NOW() - timedelta(days=days)
    fixed = {
        "from_address": "me@example.org",
        "status": "sent",
        "finished_at": then,
        "text_body": "Hi " * 300,
    }
    rows = [Email(id=ids.at(then), created_at=then, **fixed) for _ in range(count)]
    Email.objects.bulk_create(rows, batch_size=500)
    Recipient.objects.bulk_create(
        [Recipient(email=row, kind="to", status="accepted") for row in rows], batch_size=2000
    )
    Attempt.objects.bulk_create(
        [Attempt(id=uuid4(), email=row, provider="ses", epoch=0, outcome="accepted") for row in rows],
        batch_size=2000,
    )


@pytest.mark.parametrize(("option", "statements"), [("--bodies", 6), ("--emails", 15)])
def test_each_transaction_costs_few_statements(option: str, statements: int) -> None:
    def needed(emails: int) -> int:
        many(emails)
        with CaptureQueriesContext(connection) as captured:
            pruned(option, "5")
        return len(captured)

    few, transactions = needed(1), 5
    assert needed(1 + transactions * prune._AT_ONCE) - few <= transactions * statements


@pytest.mark.slow
def test_a_long_log_costs_no_memory() -> None:
    many(2_000)
    pruned("--dry-run")  # what is loaded once is there already
    tracemalloc.start()
    for option in ("--bodies", "--emails"):
        pruned(option, "5")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert not Email.objects.exists()
    assert peak < 1024 * 1024


KILLED = """
import os, signal, django
django.setup()
from pathlib import Path
from django.core.management import call_command
from delivery.retention import prune

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def end_in_the_third_transaction(rows, delete=prune._delete, before=[]):
    delete(rows)
    before.append(rows)
    if len(before) == 3:
        end()

prune._AT_ONCE = 10
{fault}
call_command("prune", "--emails", "5")
"""
IN_A_TRANSACTION = "object.__setattr__(prune.EMAILS, 'prune', end_in_the_third_transaction)"
WHILE_A_FILE_GOES = "Path.unlink = end"


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fault", "remain"),
    [(IN_A_TRANSACTION, 15), (WHILE_A_FILE_GOES, 0)],
    ids=["in a transaction", "while a file goes"],
)
def test_a_run_that_is_killed_in_the_middle_leaves_what_is_whole_and_the_next_one_finishes(
    attachment_folder: Path, fault: str, remain: int
) -> None:
    many(34)
    ended(a_file(), days=9)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(fault=fault)],
        check=False,
        cwd=gomail.BASE_DIR,
        env=environment(attachment_folder),
    )

    assert killed.returncode == -signal.SIGKILL
    assert [model.objects.count() for model in (Email, Recipient, Attempt)] == [remain] * 3
    assert len(left(attachment_folder)) == 1
    assert [name for name in wrong() if name != "unused_files"] == []

    pruned("--emails", "5")
    assert [model.objects.count() for model in (Email, Recipient, Attempt, Tag, Attachment)] == [0] * 5
    assert left(attachment_folder) == []
    assert wrong() == []


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of another process that works on the database of this test."""
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path=f"/{name}").geturl()
    own = {
        "DATABASE_URL": url,
        "GOMAIL_STORAGE_DIR": str(folder),
        "GOMAIL_JOURNAL_DIR": gomail.GOMAIL_JOURNAL_DIR,
    }
    return {**os.environ, **own}


def test_what_is_finished_is_what_no_code_moves_on() -> None:
    waiting = {"scheduled", "queued", "sending", "unknown", "quarantined"}
    assert set(FINISHED) == set(Email.Status) - waiting
