"""Emails that may have ended the processes that had them: each is tried once more, in a process that has nothing else.

Many emails are under way when a process ends, and one of them may be the reason. Who has been there twice is a
suspect. If the process that has it alone ends as well it is the reason, and is put into quarantine; else it was not.
"""

import logging
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from delivery import process
from delivery.db.outages import AWAY
from delivery.models import Attempt, Email
from delivery.sending import outcomes, rounds, transitions

COMMAND: Final = "try_suspects"
_TURN = 60.0  # seconds in which such a process takes further emails
_PATIENCE = 150.0  # seconds; with the last one, which takes less than a minute however slow the provider
_LOOK_AGAIN = 0.5  # seconds
_DEFECT: Final = 70  # EX_SOFTWARE of sysexits.h: the process met a defect with the email in its hands
# What ends a process that has met something terrible. Others are sent by people and by machines that shut down.
_FATAL = {-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}
_REASON = "The process that handed the email over ended in the middle, three times, at last with nothing else to do."
log = logging.getLogger(__name__)


def try_some() -> None:
    """Have the suspects that are due tried in processes of their own, one after the other, while this one goes on."""
    while not process.is_ending() and Email.objects.due().suspected().order_by().exists():
        alone = uuid4()
        if not (_ends_badly(alone) and condemn(alone)):
            return


def try_all() -> None:
    """Hand over the suspects that are due, one by one; for a process that has nothing else and may end any moment."""
    last = time.monotonic() + _TURN
    for pk in list(Email.objects.due().suspected().values_list("pk", flat=True)[:100]):
        if process.is_ending() or time.monotonic() > last:
            return
        log.warning("Email %s was there when two processes ended; it is tried alone", pk)
        _try(pk)


def condemn(worker: UUID) -> int:
    """Give what this process had when it ended to no process any more; return how many emails that were."""
    had = Email.objects.filter(worker=worker, status=Email.Status.SENDING)
    return sum(_condemn(email) for email in had)


def _try(pk: UUID) -> None:
    try:
        tried = rounds.dispatch_suspect(pk)
    except AWAY:
        raise
    except Exception:
        log.exception("Email %s could not be handed over, a third time", pk)
        sys.exit(_DEFECT)
    if tried:
        Email.objects.filter(pk=pk).update(crashes=0)  # it was innocent


def _condemn(email: Email) -> bool:
    attempts = Attempt.objects.filter(email=email)
    with transaction.atomic():
        in_doubt = attempts.filter(outcome__in=Attempt.IN_DOUBT).exists()
        condemned = transitions.move(
            email, email.still_mine(), outcomes.quarantined(_REASON, in_doubt=in_doubt)
        )
        if condemned:
            attempts.filter(outcome=Attempt.Outcome.STARTED).update(
                outcome=Attempt.Outcome.UNKNOWN, detail=_REASON
            )
            log.error("Email %s is in quarantine: it has ended every process that had it", email.pk)
    return condemned


def _ends_badly(alone: UUID) -> bool:
    """Run such a process; tell whether its end speaks against what it had."""
    command = [sys.executable, "-m", "django", COMMAND, f"--as={alone}"]
    return _run(command) in _FATAL | {_DEFECT}


def _run(command: list[str]) -> int:
    """Run the process to its end, and return its status; when this one is to stop, that one is told, too."""
    give_up = time.monotonic() + _PATIENCE
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=settings.BASE_DIR, start_new_session=True
    ) as child:
        while time.monotonic() < give_up:
            if process.is_ending():
                child.terminate()  # it finishes its attempt, however often it is told
            with suppress(subprocess.TimeoutExpired):
                return child.wait(_LOOK_AGAIN)
        child.kill()  # no email may hold a thread for ever
        return child.wait()
