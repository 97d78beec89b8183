"""Checks of journal, claims, deadlines, queue and workers, and of emails that wait for a person."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from delivery import journal
from delivery.doctor.findings import Finding, Tally, Words, counted, noted
from delivery.models import Email, IdempotencyKey
from delivery.queue import heartbeats
from delivery.routing import circuits, configured
from delivery.submission import idempotency

GRACE = timedelta(seconds=15)  # a worker looks for orphans every 5 s
_LATE = timedelta(minutes=1)  # overdue emails are expired a hundred at a time
_LONG = timedelta(minutes=5)  # if an email is due for longer, the workers do not keep up
_MOST = 10_000  # counted exactly; beyond it "more than 10,000" says enough
_Status = Email.Status
_REPAIR: Final = "`manage.py doctor --repair` does it now, a running worker within seconds."


def journal_is_applied() -> Finding:
    """Check for journals of dead processes, whose entries the database may lack."""
    words = Words(
        question="journal",
        well="What providers answered is in the database: no process has left a journal behind.",
        broken="Journals left behind by processes that crashed",
        todo=f"They must be replayed into the database. {_REPAIR}",
    )
    tally = Tally()
    for file in journal.abandoned():
        tally.add(file.name)
    return tally.finding(words)


def claims_are_kept(grace: timedelta) -> Finding:
    """Check for orphans: emails whose claim ended more than this time ago, or has no end."""
    words = Words(
        question="claims",
        well="Every email with status `sending` has a process that is sending it.",
        broken="Emails with status `sending` whose process has ended",
        todo=f"They must be rescued. {_REPAIR}",
    )
    lost = Q(lease_until=None) | Q(lease_until__lt=Now() - grace)
    return counted(Email.objects.filter(lost, status=_Status.SENDING), words)


def deadlines_are_kept() -> Finding:
    """Check for emails that wait after their deadline."""
    words = Words(
        question="deadlines",
        well="No email waits after its deadline.",
        broken="Emails that wait although their deadline has passed",
        todo=f"They must be expired. {_REPAIR}",
    )
    return counted(Email.objects.overdue().filter(expires_at__lt=Now() - _LATE), words)


def queue_moves() -> Finding:
    """Report how many emails wait, and check how long the oldest has been due."""
    due = Email.objects.due().order_by()
    oldest = due.aggregate(oldest=Min("due_at"))["oldest"]
    waiting = f"Emails that wait: {_count(Email.objects.waiting())}, of which {_count(due)} are due now"
    if oldest is None:
        return Finding(question="queue", sentence=f"{waiting}.")
    late = max(timezone.now() - oldest, timedelta())
    sentence = f"{waiting}, the first since {_duration(late)}."
    if late <= _LONG:
        return Finding(question="queue", sentence=sentence)
    first = [str(pk) for pk in due.order_by("due_at").values_list("pk", flat=True)[:1]]
    return Finding(
        question="queue", sentence=sentence, is_wrong=True, count=1, examples=first, todo=_why_it_stands()
    )


def somebody_works() -> Finding:
    """Check that a worker is running, if emails wait for one."""
    running = heartbeats.running().count()
    if running:
        return Finding(question="workers", sentence=f"Workers that are running: {running}.")
    if getattr(settings, "CELERY_BROKER_URL", ""):
        return Finding(
            question="workers", sentence="Celery hands over what waits (CELERY_BROKER_URL is set)."
        )
    if not Email.objects.waiting().exists():
        return Finding(
            question="workers", sentence="No worker is running, and nothing waits for one.", is_note=True
        )
    return Finding(
        question="workers",
        sentence="No worker is running, and emails wait for one.",
        is_wrong=True,
        count=1,
        todo="Start `manage.py worker` under a supervisor that restarts it when it ends.",
    )


def doubts_are_settled() -> Finding:
    """Report the unknown emails that only a person can settle."""
    words = Words(
        question="unknown",
        well="No email waits for a person to say whether it was sent.",
        broken="Emails that may or may not have been sent, and wait for a person",
        todo="Look the attempts up at the provider, and settle the emails in the admin (filter: unknown, waits for "
        "a person).",
    )
    return noted(counted(Email.objects.filter(status=_Status.UNKNOWN, due_at=None), words))


def nothing_is_quarantined() -> Finding:
    """Report the quarantined emails."""
    words = Words(
        question="quarantined",
        well="No email is in quarantine.",
        broken="Emails in quarantine, because each crashed every process that had it",
        todo="Find the cause of the crashes in the worker's log; once it is fixed, `emails/{id}/resend/` sends one "
        "as a new email.",
    )
    return noted(counted(Email.objects.filter(status=_Status.QUARANTINED), words))


def keys_are_of_use() -> Finding:
    """Report the Idempotency-Keys that may be deleted."""
    found = idempotency.useless(IdempotencyKey.objects.all())[: _MOST + 1].count()
    if not found:
        return Finding(question="keys", sentence="No Idempotency-Key is kept for longer than it is needed.")
    return Finding(
        question="keys",
        sentence=f"Idempotency-Keys of emails that have long been finished: {_number(found)}.",
        is_note=True,
        count=found,
        todo="`manage.py prune` deletes them.",
    )


def _why_it_stands() -> str:
    if not heartbeats.running().exists() and not getattr(settings, "CELERY_BROKER_URL", ""):
        return "No worker is running: start `manage.py worker`."
    if not circuits.any_may_be_used(configured.names()):
        return "No provider may be used now: `manage.py check_providers` says why."
    return "The workers do not keep up: start more of them, or give them more threads (WORKER_THREADS)."


def _count(emails: QuerySet[Email]) -> str:
    return _number(emails.order_by()[: _MOST + 1].count())


def _number(found: int) -> str:
    return f"more than {_MOST:,}" if found > _MOST else f"{found:,}"


def _duration(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    )
