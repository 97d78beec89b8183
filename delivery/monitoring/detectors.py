"""What counts as a trouble: a function for each kind that reads what is true now, in the database, for all machines."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Max, Q

from delivery.db import clock, ids
from delivery.models import Circuit, DrillResult, Email, Incident, Suppression, WebhookEndpoint
from delivery.monitoring import arrivals, incidents, machines, quotas
from delivery.monitoring.incidents import AT_ONCE, Trouble
from delivery.queue import heartbeats, watermark
from delivery.routing import configured

LATE: Final = {Email.Priority.HIGH: timedelta(minutes=2), Email.Priority.NORMAL: timedelta(minutes=10)}
FORECAST: Final = timedelta(hours=4)
SPIKE, TIMES = 50, 5  # suppressions of a team in an hour, and how often the mean of the day before that is
_A_DAY, _AN_HOUR = timedelta(days=1), timedelta(hours=1)
_MOST: Final = 1000  # of the newest emails that are looked at
_MOST_SUBJECTS: Final = 100  # of one kind
_Kind = Incident.Kind
Found = Iterable[Trouble]


@dataclass(frozen=True, kw_only=True)
class Detector:
    """How a kind of trouble is seen."""

    kind: Incident.Kind
    find: Callable[[], Found]
    every: float  # seconds between two looks
    patience: timedelta = AT_ONCE  # before people are told

    def look(self) -> None:
        """Look, and open or close incidents by what is found."""
        incidents.observe(self.kind, list(self.find()), patience=self.patience)


class Looks:
    """When this process has looked for what; one that takes over begins anew."""

    def __init__(self) -> None:
        self._at: dict[Incident.Kind, float] = {}

    def due(self) -> Iterator[Detector]:
        """Yield what has not been looked for of late."""
        for detector in DETECTORS:
            if time.monotonic() - self._at.get(detector.kind, float("-inf")) >= detector.every:
                self._at[detector.kind] = time.monotonic()
                yield detector


def circuits() -> Found:
    """Find the providers that fail or are slow."""
    for name in _left_alone(Circuit.Trouble.FAILING):
        yield Trouble(
            subject=name, said=f"{name} fails or is slow. It is tried again by itself. {_instead()}"
        )


def accounts() -> Found:
    """Find the accounts that cannot send: suspended, or a bad key."""
    for name in _left_alone(Circuit.Trouble.ACCOUNT):
        where = f"What the vendor says is in the admin, under Providers. {_instead()}"
        yield Trouble(subject=name, said=f"The account of {name} cannot send. {where}")


def days() -> Found:
    """Find the accounts whose day is used up, or soon will be."""
    soon = clock.now() + FORECAST
    for name in configured.names():
        quota = quotas.of(name)
        if quota and quota.used_up_at and quota.used_up_at <= soon:
            used = f"{quota.used:,} of {quota.day:,} recipients of 24 hours are used"
            when = f"at the pace of now it lasts until {quota.used_up_at:%H:%M} UTC"
            yield Trouble(subject=name, said=f"{name}: {used}; {when}. {_instead()}")


def oldest() -> Found:
    """Find the priorities of which an email is overdue."""
    now = clock.now()
    for priority, late in LATE.items():
        overdue = Email.objects.due().filter(priority=priority, due_at__lte=now - late)
        for due_at in filter(None, overdue.values_list("due_at", flat=True)[:1]):
            minutes = int((now - due_at).total_seconds() // 60)
            said = (
                f"An email of priority {priority} has been due for {minutes} minutes: workers do not keep up."
            )
            yield Trouble(subject=str(priority), said=said)


def unknown() -> Found:
    """Find the emails that only a person can settle."""
    newest = Email.objects.filter(status=Email.Status.UNKNOWN).order_by("-id").values("pk")[:_MOST]
    count = Email.objects.filter(pk__in=newest, due_at=None).count()
    if count:
        were = "they were" if count > 1 else "it was"
        yield Trouble(said=f"Of {_emails(count)} it is not known whether {were} sent; only a person can say.")


def events() -> Found:
    """Find the accounts whose events do not come any more."""
    for provider in configured.providers():
        if not arrivals.of(provider).is_well:
            said = (
                f"{provider.name} took mail more than twenty minutes ago, and has told nothing of it since."
            )
            yield Trouble(subject=provider.name, said=said)


def webhooks() -> Found:
    """Find the teams of which GoMail has switched endpoints off: one trouble for each, however many they are."""
    off = WebhookEndpoint.objects.filter(enabled=False, deleted_at=None).exclude(disabled_reason="")
    rows: Any = off.order_by().values("team", "team__name").annotate(number=Count("pk"))
    for row in rows.order_by("team"):
        whose = f"of the team {row['team__name']}" if row["team"] else "of nobody's team"
        said = f"GoMail has switched off {_endpoints(row['number'])} {whose}: nothing new is told there."
        yield Trouble(subject=str(row["team"] or ""), said=said)


def quarantine() -> Found:
    """Find the emails that went into quarantine within a day."""
    newest = Email.objects.filter(status=Email.Status.QUARANTINED).order_by("-id").values("pk")[:_MOST]
    count = Email.objects.filter(pk__in=newest, finished_at__gte=clock.now() - _A_DAY).count()
    if count:
        them, are = ("them", "are") if count > 1 else ("it", "is")
        said = f"Within a day {_emails(count)} ended each process that had {them}, and {are} in quarantine."
        yield Trouble(said=said)


def workers() -> Found:
    """Find the machines whose workers went without a word, and in whose place none has started since."""
    youngest = heartbeats.running().aggregate(at=Max("started_at"))["at"]
    lost = heartbeats.lost().values("host").annotate(last=Max("seen_at")).order_by("host")
    for row in lost[:_MOST_SUBJECTS]:
        if youngest is None or youngest < row["last"]:
            said = f"A worker on {row['host']} has not been heard of since {row['last']:%H:%M:%S} UTC."
            others = heartbeats.running().count()
            run = "1 other is" if others == 1 else f"{others or 'No'} others are"
            yield Trouble(subject=row["host"], said=f"{said} {run} running.")


def suppressions() -> Found:
    """Find the teams of which many addresses bounced or complained within an hour, and far more than the day before."""
    now = clock.now()
    hour, day = ids.floor(now - _AN_HOUR), ids.floor(now - _AN_HOUR - _A_DAY)
    kinds = (Suppression.Kind.HARD_BOUNCE, Suppression.Kind.COMPLAINT, Suppression.Kind.INVALID)
    lately = Count("pk", filter=Q(pk__gte=hour))
    rows: Any = (
        Suppression.objects.order_by().filter(pk__gte=day, kind__in=kinds).values("team", "team__name")
    )
    for row in rows.annotate(lately=lately, all=Count("pk")).filter(lately__gte=SPIKE).order_by("team"):
        if row["lately"] * 24 >= TIMES * (row["all"] - row["lately"]):
            said = (
                f"{row['lately']:,} addresses of {_team(row)} bounced or complained for good within an hour."
            )
            yield Trouble(subject=str(row["team"] or ""), said=said)


def drills() -> Found:
    """Find the providers that did not carry the last drill."""
    for result in DrillResult.objects.filter(carries=False, provider__in=configured.names()).order_by("pk"):
        said = f"{result.provider} did not carry the drill of {result.at:%d %b %Y %H:%M} UTC: it would not stand in."
        yield Trouble(subject=result.provider, said=said)


def scanners() -> Found:
    """Find the machines that do not reach the virus scanner."""
    for host in machines.reported(_Kind.SCANNER):
        yield Trouble(subject=host, said=f"{host} does not reach clamd: mail with attachments waits.")


def disks() -> Found:
    """Find the machines on whose disks nothing can be kept any more."""
    for host, word in machines.reported(_Kind.DISK).items():
        said = f"On {host} a disk is in trouble, {word}: nothing new is taken there."
        yield Trouble(subject=host, said=said)


def clocks() -> Found:
    """Find the machines whose clocks are wrong."""
    for host, word in machines.reported(_Kind.CLOCK).items():
        yield Trouble(subject=host, said=f"The clock of {host} is {word}. Set it right by NTP.")


def restores() -> Found:
    """Find out whether an older state of the database is being held."""
    if watermark.held_before():
        said = "An older state of the database has come back. What it may have sent since is held: run after_restore."
        yield Trouble(said=said)


DETECTORS: Final = (
    Detector(kind=_Kind.ACCOUNT, find=accounts, every=2.0),
    Detector(kind=_Kind.CIRCUIT, find=circuits, every=2.0),
    Detector(kind=_Kind.RESTORE, find=restores, every=5.0),
    Detector(kind=_Kind.DISK, find=disks, every=5.0),
    Detector(kind=_Kind.WORKER, find=workers, every=5.0),
    Detector(kind=_Kind.SCANNER, find=scanners, every=5.0, patience=timedelta(seconds=60)),
    Detector(kind=_Kind.CLOCK, find=clocks, every=5.0, patience=timedelta(seconds=60)),
    Detector(kind=_Kind.OLDEST, find=oldest, every=15.0),
    Detector(kind=_Kind.UNKNOWN, find=unknown, every=15.0),
    Detector(kind=_Kind.QUARANTINE, find=quarantine, every=15.0),
    Detector(kind=_Kind.WEBHOOK, find=webhooks, every=15.0),
    Detector(kind=_Kind.DRILL, find=drills, every=15.0),
    Detector(kind=_Kind.QUOTA, find=days, every=30.0),
    Detector(kind=_Kind.EVENTS, find=events, every=60.0),
    Detector(kind=_Kind.SUPPRESSIONS, find=suppressions, every=60.0),
)


def _left_alone(trouble: Circuit.Trouble) -> list[str]:
    """Return the providers whose circuit is not closed by this trouble; what a person took out is no trouble."""
    states = (Circuit.State.OPEN, Circuit.State.PROBING)
    rows = Circuit.objects.filter(sender_domain="", state__in=states, trouble=trouble)
    shut = set(rows.values_list("provider", flat=True))
    return [name for name in configured.names() if name in shut]


def _instead() -> str:
    """Return what becomes of the mail meanwhile."""
    shut = Circuit.objects.filter(sender_domain="").exclude(state=Circuit.State.CLOSED)
    names = set(shut.values_list("provider", flat=True))
    others = [name for name in configured.names() if name not in names]
    return (
        f"Mail goes by {' and '.join(others)}."
        if others
        else "No provider is in use: mail is kept, and waits."
    )


def _emails(count: int) -> str:
    return f"{count:,} or more emails" if count >= _MOST else f"{count:,} email{'s' * (count > 1)}"


def _endpoints(number: int) -> str:
    return f"{number:,} webhook endpoints" if number > 1 else "a webhook endpoint"


def _team(row: dict[str, Any]) -> str:
    return f"the team {row['team__name']}" if row["team"] else "mail without a team"
