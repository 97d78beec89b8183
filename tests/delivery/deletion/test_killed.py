"""A deletion whose process is killed anywhere is whole up to there, and the next worker ends it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as gomail
from django.utils import timezone

from delivery.deletion import job, orders
from delivery.models import Attachment, Email, Recipient, Team, TeamDeletion
from delivery.submission import emails
from tests.delivery import processes
from tests.delivery.deletion import rows
from tests.delivery.doctor.runs import wrong
from tests.delivery.factories import a_file, draft, left

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
MANY = 3000
KILLED = """
import os, signal, sys, django
django.setup()
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from delivery.deletion import job, steps
from delivery.models import TeamDeletion

steps.TABLES = tuple(replace(table, at_once=2) for table in steps.TABLES)
job.QUIET = timedelta()
left = iter(range(int(sys.argv[1])))

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def tell(deletion):
    if next(left, None) is None:
        end()

Path.unlink = end if sys.argv[2] == "file" else Path.unlink
job._end = end if sys.argv[2] == "team" else job._end
job._finish = end if sys.argv[2] == "finish" else job._finish
job.run(TeamDeletion.objects.get(), tell=tell)
"""


def killed(where: str, folder: Path, *, steps: int = 10_000) -> TeamDeletion:
    """Let a process go on with it that is killed there."""
    TeamDeletion.objects.update(lease_until=None)  # what half a minute does
    command = [sys.executable, "-c", KILLED, str(steps), where]
    done = subprocess.run(command, check=False, cwd=gomail.BASE_DIR, env=processes.environment(folder))
    assert done.returncode == -signal.SIGKILL
    return TeamDeletion.objects.get()


def test_killed_between_steps_at_a_file_and_at_the_end_the_next_one_ends_it(
    shop: Team, bank: Team, providers: None, attachment_folder: Path
) -> None:
    rows.fill(shop, attachment_folder)
    for number in range(4):
        emails.send(draft(attachments=(a_file(b"%d" % number),)), team=shop)
    kept = emails.send(draft(attachments=(a_file(rows.SHARED),)), team=bank)
    orders.give(shop, orders.SHELL)

    row = killed("file", attachment_folder)
    assert (row.state, Email.objects.filter(team=shop).count()) == ("running", 5)
    row = killed("step", attachment_folder, steps=0)
    assert [name for name in wrong() if name != "unused_files"] == []
    assert 0 < Email.objects.filter(team=shop).count() < 5
    row = killed("team", attachment_folder)
    assert set(rows.of(shop).values()) == {0}
    assert Team.objects.filter(pk=shop.pk).exists()
    row = killed("finish", attachment_folder)
    assert (row.state, Team.objects.filter(pk=shop.pk).exists()) == ("running", False)

    TeamDeletion.objects.update(lease_until=None)
    assert job.run(row).state == "done"
    assert wrong() == []
    assert list(Email.objects.values_list("pk", flat=True)) == [kept.pk]
    assert [file.name for file in left(attachment_folder)] == [kept.attachments.get().sha256]


@contextmanager
def a_worker(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    env = processes.environment(folder, GOMAIL_PROVIDERS="sandbox")
    with subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=gomail.BASE_DIR, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_worker_that_is_killed_in_the_middle_leaves_it_to_the_next_one(
    shop: Team, bank: Team, attachment_folder: Path
) -> None:
    for team, number in ((shop, MANY), (bank, 3)):
        fill(team, number)
    orders.give(shop, orders.SHELL)
    TeamDeletion.objects.update(still_since=timezone.now() - timedelta(minutes=1))

    with a_worker(attachment_folder) as process:
        eventually(lambda: TeamDeletion.objects.get().counts.get("emails", 0) > 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert TeamDeletion.objects.get().state == "running"
    assert 0 < Email.objects.filter(team=shop).count() < MANY

    TeamDeletion.objects.update(lease_until=None)  # what half a minute does
    with a_worker(attachment_folder):
        eventually(lambda: TeamDeletion.objects.get().state == "done")
    assert (Email.objects.count(), Recipient.objects.count(), Attachment.objects.count()) == (3, 3, 0)
    assert TeamDeletion.objects.get().counts["emails"] == MANY


def fill(team: Team, number: int) -> None:
    made = [Email(team=team, from_address="me@example.org", status="sent") for _ in range(number)]
    Email.objects.bulk_create(made)
    to = {"kind": "to", "address": "ann@example.org", "canonical": "ann@example.org", "status": "accepted"}
    Recipient.objects.bulk_create(Recipient(email=email, **to) for email in made)


def eventually(happens: Callable[[], Any]) -> None:
    until = time.monotonic() + 300  # a machine may be slow
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.02)
