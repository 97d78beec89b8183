"""Emails that may have ended the processes that had them: each is tried once more, in a process that has nothing else.

Many emails are under way when a process ends, and one of them may be the reason. Who has been there twice is a
suspect. If the process that has it alone ends as well it is the reason, and is put into quarantine; else it was not.
"""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from delivery import outcomes, process, records
from delivery.models import Attempt, Email

COMMAND: Final = "dispatch_suspect"
_PATIENCE = 120.0  # seconds; a hand-over takes less than one minute, however slow the provider
_AT_A_TIME = 10
# What ends a process that has met something terrible. Others are sent by people and by machines that shut down.
_FATAL = {-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}
log = logging.getLogger(__name__)


def try_some(going_on: Callable[[], bool] = lambda: not process.is_ending()) -> None:
    """Try some of them, one by one, while this process goes on."""
    for email in Email.objects.due().suspected()[:_AT_A_TIME]:
        if not going_on():
            return
        alone = uuid4()
        if _ends_its_process(email, alone):
            quarantine(email, alone)


def quarantine(email: Email, worker: UUID) -> None:
    """Give an email to no process any more, if it was this process that had it when it ended."""
    under_way = Email.objects.filter(pk=email.pk, status=Email.Status.SENDING, worker=worker)
    attempts = Attempt.objects.filter(email=email)
    started = attempts.filter(outcome=Attempt.Outcome.STARTED)
    with transaction.atomic():
        in_doubt = attempts.filter(outcome__in=_IN_DOUBT).exists()
        if records.move(email, under_way, outcomes.quarantined(_REASON, in_doubt=in_doubt)):
            started.update(outcome=Attempt.Outcome.UNKNOWN, detail=_REASON)
            log.error("Email %s is in quarantine: it has ended every process that had it", email.pk)


_IN_DOUBT = (Attempt.Outcome.STARTED, Attempt.Outcome.UNKNOWN)
_REASON = "The process that handed the email over ended in the middle, three times, at last with nothing else to do."


def _ends_its_process(email: Email, alone: UUID) -> bool:
    log.warning(
        "Email %s was there when a process ended, %s times; it is tried alone", email.pk, email.crashes
    )
    command = [sys.executable, "-m", "django", COMMAND, f"--as={alone}", str(email.pk)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command and an id
            command, cwd=settings.BASE_DIR, timeout=_PATIENCE, check=False, start_new_session=True
        )
    except (
        subprocess.TimeoutExpired
    ):  # it has been killed: such an email must not hold a thread for ever either
        return True
    return done.returncode in _FATAL
