"""What the tests of delivery share: emails in any state, the files they have, and what a dead process left."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.utils import timezone

from delivery import bundles, journal
from delivery.content.drafts import Draft
from delivery.files import storage
from delivery.journal import Entry
from delivery.models import Attempt, Email, Recipient
from providers.message import Attachment as File
from providers.message import Mailbox, file_of_bytes

ANN, BOB, EVE = (Mailbox(address=f"{name}@example.org") for name in ("ann", "bob", "eve"))


def draft(**changes: Any) -> Draft:
    return Draft(**{"sender": ANN, "to": (BOB,), "subject": "Hello", "text": "Hi\n", **changes})


def queued(**changes: Any) -> Email:
    """Return an email that is due now."""
    bundle = bundles.claimed(draft(), None)
    bundle.save()
    fields = {"status": "queued", "due_at": timezone.now(), "lease_until": None, **changes}
    Email.objects.filter(pk=bundle.email.pk).update(**fields)
    bundle.email.refresh_from_db()
    return bundle.email


def content(email: Email) -> bytes:
    with email.attachments.get().open() as file:
        return file.read()


def journal_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


@contextmanager
def another_process(folder: Path, *, entries: int = 0) -> Iterator[int]:
    """Run a process that has begun its journal, and give its pid."""
    code = f"""
import os, signal, sys, time
from django.conf import settings
settings.configure(GOMAIL_JOURNAL_DIR={str(folder)!r})
from delivery import journal
from delivery.files import locked
journal.begin()
for number in range({entries}):
    journal.write(journal.Entry(attempt=str(number), outcome="accepted"))
print("ready", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def under_way(*, outcome: str = "started", provider: str = "ses", **fields: Any) -> Attempt:
    """Return the attempt of an email that some process is handing over."""
    given: dict[str, Any] = {"status": "sending", "due_at": None, "epoch": 1, "rounds": 1}
    email = queued(
        **{**given, "lease_until": timezone.now() + timedelta(minutes=1), "worker": uuid4(), **fields}
    )
    return Attempt.objects.create(email=email, provider=provider, epoch=email.epoch, outcome=outcome)


def left_behind(folder: Path, attempt: Attempt, **answer: Any) -> None:
    """Let a process that has gone have written this answer down."""
    folder.mkdir(exist_ok=True)
    with another_process(folder):
        file = journal_files(folder)[-1].rename(folder / f"{attempt.email.worker}-1.journal")
    with file.open("a") as lines:
        entry = Entry(attempt=str(attempt.pk), **answer)
        lines.write(journal.line(entry))


def a_file(content: bytes = b"content") -> File:
    return file_of_bytes(content, filename="a.txt", content_type="text/plain")


def stored(folder: Path, file: File) -> Path:
    """Store a file as an accept does before it has written its rows, and return where it lies."""
    return folder / storage.path(storage.keep(file))


def aged(file: Path, *, minutes: int) -> Path:
    then = time.time() - minutes * 60
    os.utime(file, (then, then))
    return file


def left(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def written(subject: str = "Hello", *, to: tuple[str, ...] = ("ann@example.org",), **fields: Any) -> Email:
    email = Email.objects.create(**{"from_address": "me@example.org", "subject": subject, **fields})
    for address in to:
        Recipient.objects.create(email=email, kind="to", address=address, canonical=address)
    return email
