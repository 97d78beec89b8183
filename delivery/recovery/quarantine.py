"""Quarantine of emails that crash the processes that have them (poison messages).

When a process crashes, any of the emails that it had may be the cause. An email involved in two crashes is a suspect:
it is tried once more, alone in a process. If that process crashes, too, the email is the cause and is quarantined; if
not, the suspicion is dropped.
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
from django.db.models import Q

from delivery import process
from delivery.db.outages import AWAY
from delivery.models import Attempt, Email
from delivery.models.email import SUSPECT
from delivery.sending import outcomes, rounds, transitions, unknown
from providers.wire import shortage

COMMAND: Final = "try_suspects"
_TURN = 60.0  # seconds in which such a process begins further emails
_PATIENCE = (
    150.0  # seconds until it is killed; its last email takes less than a minute, however slow the provider
)
_POLL_SECONDS = 0.5
_DEFECT: Final = 70  # EX_SOFTWARE of sysexits.h: the email raised an unexpected exception
# The signals of a crash. Other signals are sent by people, and by machines that shut down.
_FATAL = {-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}
_REASON = "The process handing the email over crashed three times, the third time with no other email."
log = logging.getLogger(__name__)


def try_some() -> None:
    """Have the due suspects tried in child processes, one process at a time."""
    while not process.is_ending() and Email.objects.due().suspected().order_by().exists():
        alone = uuid4()
        if not (_ends_badly(alone) and condemn(alone)):
            return


def try_all() -> None:
    """Hand over the due suspects one by one; runs in a process of its own, which may crash any moment."""
    last = time.monotonic() + _TURN
    for pk in list(Email.objects.due().suspected().values_list("pk", flat=True)[:100]):
        if process.is_ending() or time.monotonic() > last:
            return
        log.warning("Email %s was in two processes that crashed; it is tried alone", pk)
        _try(pk)


def condemn(worker: UUID) -> int:
    """Quarantine the emails that this crashed process had claimed; return how many.

    The rescue of another process may have freed them in the moment since; then nobody has claimed them anew.
    """
    freed = Q(due_at__isnull=False, crashes__gte=SUSPECT)
    had = Email.objects.filter(Q(status=Email.Status.SENDING) | freed, worker=worker)
    return sum(_condemn(email) for email in had)


def _try(pk: UUID) -> None:
    try:
        tried = rounds.dispatch_suspect(pk)
    except AWAY:
        raise
    except Exception as error:
        if shortage.explains(error):  # no fault of the email
            raise
        log.exception("Email %s could not be handed over by a process of its own", pk)
        sys.exit(_DEFECT)
    if tried:
        Email.objects.filter(pk=pk).update(crashes=0)  # no longer a suspect


def _condemn(email: Email) -> bool:
    attempts = Attempt.objects.filter(email=email)
    unchanged = Email.objects.filter(pk=email.pk, epoch=email.epoch, status=email.status)
    with transaction.atomic():
        in_doubt = attempts.filter(outcome__in=Attempt.IN_DOUBT).exists()
        outcome = outcomes.quarantined(_REASON, in_doubt=in_doubt)
        if accepted := unknown.accepted_after_all(email):  # an event has told of it
            outcome = outcomes.sent_late(accepted.provider, transitions.SETTLED_BY_EVENT)
        condemned = transitions.move(email, unchanged, outcome)
        if condemned:
            attempts.filter(outcome=Attempt.Outcome.STARTED).update(
                outcome=Attempt.Outcome.UNKNOWN, detail=_REASON
            )
            log.error("Email %s is %s: it crashed every process that had it", email.pk, outcome.status)
    return condemned


def _ends_badly(alone: UUID) -> bool:
    """Run a child process that tries suspects; tell whether it crashed."""
    command = [sys.executable, "-m", "django", COMMAND, f"--as={alone}"]
    return _run(command) in _FATAL | {_DEFECT}


def _run(command: list[str]) -> int:
    """Run the child to its end and return its exit status; pass on the shutdown of this process."""
    give_up = time.monotonic() + _PATIENCE
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=settings.BASE_DIR, start_new_session=True
    ) as child:
        while time.monotonic() < give_up:
            if process.is_ending():
                child.terminate()  # it finishes its attempt, however many signals it gets
            with suppress(subprocess.TimeoutExpired):
                return child.wait(_POLL_SECONDS)
        child.kill()  # no email may block a thread for ever
        return child.wait()
