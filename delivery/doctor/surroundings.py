"""Checks of journal, claims, deadlines, queue and workers, and of emails that wait for a person."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Now

from delivery import journal
from delivery.db import clock, durability
from delivery.doctor.findings import EXAMPLES, Finding, Tally, Words, counted, noted
from delivery.files import writable
from delivery.models import Email, IdempotencyKey
from delivery.queue import heartbeats, watermark, watermark_notes
from delivery.routing import circuits, configured

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


def history_is_whole() -> Finding:
    """Ask whether an older state of the database has come back, and nobody has said what is to be done."""
    held_before = watermark.held_before()
    if held_before is None:
        return _what_is_gone()
    held = Email.objects.waiting().filter(created_at__lte=held_before).order_by("pk")
    return Finding(
        question="restore",
        sentence=f"{watermark.WORD}: an older state of the database came back, noticed {held_before:%Y-%m-%d %H:%M:%S} "
        f"UTC. Emails that are held since, for they may have been sent: {_count(held)}.",
        is_wrong=True,
        count=held.count(),
        examples=[str(pk) for pk in held.values_list("pk", flat=True)[:EXAMPLES]],
        todo="`manage.py after_restore --dry-run` says what would be done, `manage.py after_restore` does it.",
    )


def _what_is_gone() -> Finding:
    lines = watermark_notes.kept(watermark.current().name)
    if not lines:
        sentence = "No older state of the database has come back without being seen to."
        return Finding(question="restore", sentence=sentence)
    return Finding(
        question="restore",
        sentence=f"Attempts in this machine's journal whose emails are not in the database any more: {len(lines):,}.",
        is_note=True,
        count=len(lines),
        examples=list(lines)[:EXAMPLES],
        todo="`manage.py after_restore` on this machine lists them.",
    )


def clocks_agree() -> Finding:
    """Ask whether this machine's clock is the database's."""
    clock.measure()
    ahead = clock.ahead()
    if abs(ahead) <= clock.LIMIT:
        return Finding(question="clock", sentence="This machine's clock agrees with the database's.")
    return Finding(
        question="clock",
        sentence=f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's.",
        is_wrong=True,
        count=1,
        todo="Let NTP set both. GoMail goes by the database's; vendors refuse signatures of a wrong clock.",
    )


def commits_are_durable() -> Finding:
    """Ask whether the database keeps its word after a loss of power."""
    words = Words(
        question="durability",
        well="The database answers a commit when it is on disk.",
        broken="Settings of PostgreSQL by which it may lose what it has committed",
        todo=durability.REMEDY,
    )
    tally = Tally()
    for name in (lacking := durability.lacking()) or durability.set_by_us_alone():
        tally.add(name)
    found = tally.finding(words)
    return found if lacking else noted(found)


def folders_can_be_written() -> Finding:
    """Ask whether journal and attachments can be written by this user."""
    words = Words(
        question="folders",
        well="Journal and attachments can be written.",
        broken="Folders that cannot be written",
        todo="Mount them for writing, or give them to the user that GoMail runs as.",
    )
    tally = Tally()
    for name in writable.unwritable():
        tally.add(name)
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
    late = max(clock.now() - oldest, timedelta())
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
    found = IdempotencyKey.objects.useless()[: _MOST + 1].count()
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
