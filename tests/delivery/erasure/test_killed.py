"""An erasure that is killed after any of its steps is whole up to there, and the next one ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as gomail

from delivery.erasure import background, forget, people, reach
from delivery.models import Email, Erasure, Recipient, Suppression
from delivery.submission import emails
from providers.message import Mailbox
from tests.delivery import processes
from tests.delivery.doctor.runs import wrong
from tests.delivery.erasure import dumps
from tests.delivery.erasure.conftest import KEY
from tests.delivery.factories import a_file, draft, left

WHO = "zenobia@canary.example"
KILLED = """
import os, signal, sys, django
django.setup()
from pathlib import Path
from delivery.erasure import emails, forget
from delivery.models import Erasure

emails._AT_ONCE = 2
steps = iter(range(int(sys.argv[1])))

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def tell(erasure):
    if next(steps, None) is None:
        end()

Path.unlink = end  # a file that goes
forget.run(Erasure.objects.get(), tell=tell)
"""


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_killed_after_a_step_and_while_a_file_goes_it_is_ended_by_the_worker(
    providers: None, attachment_folder: Path
) -> None:
    for number in range(5):
        emails.send(draft(to=(Mailbox(address=WHO),), attachments=(a_file(b"%d" % number),)), team=None)
    Suppression.objects.create(address=WHO, kind="manual")
    row = forget.start(people.find(WHO), reach.EVERYWHERE, by="test")

    killed(1, attachment_folder)
    row.refresh_from_db()
    assert (row.state, row.counts["emails"], row.address) == ("running", 4, WHO)
    assert Recipient.objects.filter(address=WHO).count() == 1
    assert Suppression.objects.get().address == WHO
    assert [name for name in wrong() if name != "unused_files"] == []

    killed(1000, attachment_folder)
    row.refresh_from_db()
    assert (row.state, row.counts["emails"], len(left(attachment_folder))) == ("running", 5, 5)

    Erasure.objects.update(lease_until=None)  # the dead process's is over
    background.go_on()
    row.refresh_from_db()
    assert (row.state, row.counts["emails"], left(attachment_folder)) == ("done", 5, [])
    assert dumps.tables_with(WHO) == dumps.files_with(WHO) == []
    assert wrong() == []
    assert Email.objects.count() == 5


def killed(steps: int, folder: Path) -> None:
    """Let a process go on with it that is killed after so many steps."""
    Erasure.objects.update(lease_until=None)
    command = [sys.executable, "-c", KILLED, str(steps)]
    done = subprocess.run(
        command,
        check=False,
        cwd=gomail.BASE_DIR,
        env=processes.environment(folder, GOMAIL_TOMBSTONE_KEYS=KEY),
    )
    assert done.returncode == -signal.SIGKILL
