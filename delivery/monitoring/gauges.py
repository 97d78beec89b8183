"""Gauges: how things are now, read from the database, so that every machine tells the same.

None costs more because more emails are stored: what could be many is counted up to a limit, or looked at from one end
of an index. What is asked each time is compiled once: Django takes longer to write these statements than a database
to answer them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily, Metric

from delivery.counting.counters import PREFIX
from delivery.db import clock, compiled, ids
from delivery.db.compiled import Parameters
from delivery.models import Circuit, Email, Incident, ProviderEvent, Suppression, WebhookMessage
from delivery.monitoring import incidents, quotas
from delivery.queue import heartbeats
from delivery.routing import configured
from providers.events import Bounce, Kind

MOST: Final = 100_000  # of one status, or of one kind of suppression, that are counted
ENOUGH: Final = 200  # recipients; a ratio of fewer says nothing
_LOOKED_AT: Final = 1000  # events of one account
_A_DAY: Final = timedelta(days=1)
_STATES: Final = (  # of emails that are not finished, or that somebody has to look at
    Email.Status.SCHEDULED,
    Email.Status.QUEUED,
    Email.Status.SENDING,
    Email.Status.UNKNOWN,
    Email.Status.QUARANTINED,
)
_CIRCUITS: Final[Mapping[str, int]] = {
    Circuit.State.CLOSED: 0,
    Circuit.State.PROBING: 1,
    Circuit.State.OPEN: 2,
    Circuit.State.OUT: 3,
}
Values = Iterable[tuple[tuple[str, ...], float]]  # labels, and the value
Read = Callable[[], Iterable[Metric]]


def of_emails() -> Iterator[Metric]:
    """Yield how many emails wait, and how long the oldest has waited."""
    count = {state: counted.run(most=MOST) for state, counted in _BY_STATUS.items()}
    yield _gauge(
        "queue_emails",
        f"Emails by status, counted up to {MOST}.",
        ("state",),
        [((str(state),), number) for state, number in count.items()],
    )
    yield _gauge("unknown_emails", "Emails that may have been sent.", (), [((), count[Email.Status.UNKNOWN])])
    yield _gauge(
        "queue_oldest_seconds",
        "Of the email that has been due for longest; of the unknown one that has waited longest for a person.",
        ("state", "priority"),
        list(_oldest()),
    )


def of_providers() -> Iterator[Metric]:
    """Yield circuits and quotas."""
    names = configured.names()
    rows = Circuit.objects.filter(sender_domain="", provider__in=names).values_list("provider", "state")
    states = dict.fromkeys(names, 0) | {provider: _CIRCUITS[state] for provider, state in rows}
    meaning = "0: in use, 1: being tried, 2: not used, 3: taken out of service by a person."
    yield _gauge(
        "circuit_state", meaning, ("provider",), [((name,), state) for name, state in states.items()]
    )
    known = {name: quotas.of(name) for name in names}
    used = [((name,), quota.used / quota.day) for name, quota in known.items() if quota and quota.day]
    yield _gauge("provider_quota_used_ratio", "Of 24 hours, as the vendor tells.", ("provider",), used)


def of_what_changes_slowly() -> Iterator[Metric]:
    """Yield what vendors tell of our mail, and how many addresses are suppressed."""
    meaning = f"Hard bounces of a day's newest {_LOOKED_AT} events; of {ENOUGH} recipients or more."
    yield _gauge("bounce_ratio", meaning, ("provider",), list(_bounces(configured.names())))
    counted = [((str(kind),), entries.run(most=MOST)) for kind, entries in _BY_KIND.items()]
    yield _gauge("suppressions", f"Entries by kind, counted up to {MOST}.", ("kind",), counted)


def of_the_rest() -> Iterator[Metric]:
    """Yield workers, webhooks and incidents."""
    yield _gauge("workers_alive", "Workers with a heartbeat.", (), [((), heartbeats.running().count())])
    overdue = WebhookMessage.objects.filter(
        due_at__lte=Now(), endpoint__enabled=True, endpoint__deleted_at=None
    )
    oldest = overdue.aggregate(at=Min("due_at"))["at"]
    yield _gauge("webhook_oldest_seconds", "Since the oldest was due.", (), [((), _age(oldest))])
    opened: Any = incidents.opened().order_by().values("kind").annotate(at=Min("opened_at"))
    ages = dict.fromkeys(Incident.Kind.values, 0.0) | {row["kind"]: _age(row["at"]) for row in opened}
    meaning = "How long the oldest open incident of a kind has been there; 0: there is none."
    yield _gauge(
        "incident_oldest_seconds", meaning, ("kind",), [((kind,), age) for kind, age in ages.items()]
    )


def _oldest() -> Iterator[tuple[tuple[str, str], float]]:
    for state, first in (("due", _LONGEST_DUE), ("unknown", _LONGEST_UNKNOWN)):
        for priority in Email.Priority.values:
            yield (state, priority), _age(_first(first.run([priority])))


def _bounces(names: Iterable[str]) -> Iterator[tuple[tuple[str], float]]:
    since = ids.floor(clock.now() - _A_DAY)
    for name in names:
        newest = ProviderEvent.objects.filter(account=name, id__gte=since).order_by("-id")
        events = ProviderEvent.objects.filter(pk__in=newest.values("pk")[:_LOOKED_AT]).order_by()
        hard = Q(kind=Kind.BOUNCED, bounce=Bounce.HARD)
        found = events.aggregate(
            bounced=Count("pk", filter=hard), all=Count("pk", filter=hard | Q(kind=Kind.DELIVERED))
        )
        if found["all"] >= ENOUGH:
            yield (name,), found["bounced"] / found["all"]


def _due(priorities: Parameters) -> QuerySet[Email, Any]:
    due = Email.objects.due().filter(priority__in=priorities)
    return due.values_list("due_at", "id")[:1]


def _unknown(priorities: Parameters) -> QuerySet[Email, Any]:
    waits = Email.objects.filter(status=Email.Status.UNKNOWN, due_at=None, priority__in=priorities)
    return waits.order_by("id").values_list("created_at", "id")[:1]


def _of_status(status: str) -> compiled.Count:
    return compiled.Count(lambda: Email.objects.filter(status=status))


def _of_kind(kind: str) -> compiled.Count:
    return compiled.Count(lambda: Suppression.objects.filter(kind=kind))


_BY_STATUS: Final = {status: _of_status(status) for status in _STATES}
_BY_KIND: Final = {kind: _of_kind(kind) for kind in Suppression.Kind}
_LONGEST_DUE: Final = compiled.SelectColumns("priority", _due)
_LONGEST_UNKNOWN: Final = compiled.SelectColumns("priority", _unknown)


def _first(rows: Sequence[Sequence[Any]]) -> datetime | None:
    return rows[0][0] if rows else None


def _age(moment: datetime | None) -> float:
    return max((clock.now() - moment).total_seconds(), 0.0) if moment else 0.0


def _gauge(name: str, meaning: str, labels: tuple[str, ...], values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family
