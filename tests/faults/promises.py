"""What is promised of emails whatever happens to the processes, database and disk; a sentence for each breach."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests import read_lines
from tests.faults import checks, contents, sentences
from tests.faults.evidence import Evidence
from tests.faults.record import Attempt
from tests.faults.vendors import Entry

_DECIDED = {"accepted", "rejected", "failed", "expired", "cancelled", "unknown", *contents.TOLD}
# What a vendor has done to a caller that cannot know afterwards whether the mail was taken.
_DOUBTFUL = {"page", "cut", "dropped", "stalled", "silent"}
_WRITTEN = 1.0  # seconds, in which an answer is written down


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What one trial promises beyond what all promise."""

    duplicates: bool = True  # whether emails may be sent twice, marked
    unknown: bool = True  # whether the outcome of an attempt may stay unknown, or have been so
    locked: bool = (
        True  # whether SQLite may be waited for in vain, as on a machine that has far too much to do
    )
    refusals: bool = False  # whether requests may be answered 503
    restored: bool = (
        False  # whether attempts may be missing, because an older state of the database came back
    )
    quarantine: int | None = None  # how many emails are; None: any number


def broken(evidence: Evidence, promise: Promise) -> list[str]:
    """Return a sentence for each broken promise."""
    return [
        *_about_emails(evidence),
        *contents.broken(evidence),
        *([] if promise.restored else _about_attempts(evidence)),
        *_about_requests(evidence),
        *sentences.counted(
            "lines of the log with an address", len(read_lines.with_addresses(evidence.log.splitlines()))
        ),
        *_about_the_trial(evidence, promise),
    ]


def not_kept(evidence: Evidence) -> list[str]:
    """Return the emails that were acknowledged, and that the record does not have."""
    return sorted({a.id for a in evidence.answers if a.acknowledged} - set(evidence.record.emails))


def outside(evidence: Evidence) -> list[str]:
    """Return the emails that were sent again though it was known by then that a vendor had them."""
    attempts = {attempt.id: attempt for attempt in evidence.record.attempts}
    taken: dict[str, list[tuple[Entry, Attempt | None]]] = defaultdict(list)
    for entry in evidence.ledger:
        if entry.accepted:
            taken[entry.email].append((entry, attempts.get(entry.attempt)))
    return [
        email
        for email, calls in taken.items()
        if any(_was_known(*first, second) for first, (_, second) in pairwise(calls))
    ]


def _was_known(entry: Entry, first: Attempt | None, second: Attempt | None) -> bool:
    """Tell whether an attempt's answer was written down when another one began; an answer may come late, too."""
    if first is None or second is None:
        return True
    answered = entry.at + (first.latency_ms or 0) / 1000
    return first.outcome != "unknown" and answered + _WRITTEN < second.started_at


def after_doubt(evidence: Evidence) -> list[str]:
    """Return the emails of policy `stop` that were offered again after a call that may have been taken."""
    stopped = {pk for pk, email in evidence.record.emails.items() if email.on_ambiguous == "stop"}
    doubtful: set[str] = set()
    again = []
    for entry in evidence.ledger:
        if entry.email in doubtful:
            again.append(entry.email)
        if entry.email in stopped and (entry.accepted or entry.mode in _DOUBTFUL):
            doubtful.add(entry.email)
    return again


def undecided(evidence: Evidence) -> list[str]:
    """Return the emails with a recipient in no terminal state."""
    return sorted({r.email_id for r in evidence.record.recipients if r.status not in _DECIDED})


def open_attempts(evidence: Evidence) -> list[str]:
    """Return the attempts of which nobody has said what became of them."""
    return [attempt.id for attempt in evidence.record.attempts if attempt.outcome == "started"]


def doubts(evidence: Evidence) -> list[str]:
    """Return the attempts whose outcome nobody knew."""
    return [attempt.id for attempt in evidence.record.attempts if attempt.outcome == "unknown"]


def quarantined(evidence: Evidence) -> list[str]:
    """Return the emails that are given to no process any more."""
    return [email.id for email in evidence.record.emails.values() if email.status == "quarantined"]


def two_answers(evidence: Evidence) -> list[str]:
    """Return the keys under which one request was answered with two emails."""
    return [o.key for o in evidence.orders if o.key and len({e.ids for e in o.taken}) > 1]


def two_emails(evidence: Evidence) -> list[str]:
    """Return the letters that were written down twice."""
    written: dict[str, set[str]] = defaultdict(set)
    for email in evidence.record.emails.values():
        written[email.subject].add(email.id)
    ordered = [subject for order in evidence.orders for subject in order.subjects]
    return [subject for subject in ordered if len(written[subject]) > 1]


def not_taken(evidence: Evidence) -> list[str]:
    """Return the orders with a key that were never taken, however often they were repeated."""
    return [order.key for order in evidence.orders if order.key and order.exchanges and not order.taken]


def answered(evidence: Evidence, *statuses: int) -> int:
    """Count the requests that were answered so."""
    return sum(e.status in statuses for order in evidence.orders for e in order.exchanges)


def life(evidence: Evidence, pk: str) -> list[str]:
    """Return all that is known of one email, in the order of time."""
    email = evidence.record.emails.get(pk)
    told = [
        (a.started_at, f"{a.provider} attempt {a.id}: {a.outcome}, {a.latency_ms} ms")
        for a in evidence.record.attempts
        if a.email_id == pk
    ]
    told += [(e.at, f"{e.vendor} {e.mode} for {e.attempt}") for e in evidence.ledger if e.email == pk]
    told += [
        (e.started, f"answered {e.status} {' '.join(e.said)} after {e.ended - e.started:.2f} s")
        for o in evidence.orders
        if any(pk in one.ids for one in o.taken)
        for e in o.exchanges
    ]
    begun = min([at for at, _ in told], default=0.0)
    return [str(email), *(f"{at - begun:8.2f} {what}" for at, what in sorted(told))]


def course(evidence: Evidence, key: str) -> list[str]:
    """Return how one order was answered, each time that it was repeated, and what the record has of its letters."""
    order = next(order for order in evidence.orders if order.key == key)
    begun = order.exchanges[0].started
    asked = [
        f"{e.started - begun:8.2f} answered {e.status} {e.code} after {e.ended - e.started:.2f} s"
        for e in order.exchanges
    ]
    written = [str(email) for email in evidence.record.emails.values() if email.subject in order.subjects]
    return [f"{order.kind}, {order.policy}", *asked, *written]


def _about_emails(evidence: Evidence) -> Iterator[str]:
    yield from sentences.listed("lost", checks.lost(evidence))
    yield from sentences.listed("acknowledged, but not in the record", not_kept(evidence))
    yield from sentences.listed("sent twice without saying so", checks.duplicates(evidence, marked=False))
    yield from sentences.listed("offered again against `stop`", after_doubt(evidence))
    yield from sentences.listed("`sent`, but with no vendor", checks.untrue(evidence))
    yield from sentences.listed("with an undecided recipient", undecided(evidence))
    yield from sentences.listed("attempts left open", open_attempts(evidence))
    yield from sentences.listed("journals left over", evidence.journals)
    yield from (f"manage.py doctor says: {sentence}" for sentence in evidence.ailments)
    yield from sentences.counted("not settled by the workers in time", evidence.waiting)


def _about_attempts(evidence: Evidence) -> Iterator[str]:
    yield from sentences.listed("sent twice though nothing was in doubt", outside(evidence))
    yield from sentences.listed("called without an attempt's row", checks.unrecorded(evidence))


def _about_requests(evidence: Evidence) -> Iterator[str]:
    yield from sentences.listed("keys with two answers", two_answers(evidence))
    yield from sentences.listed("letters written down twice", two_emails(evidence))
    yield from sentences.listed("never taken", not_taken(evidence))
    yield from sentences.counted("repeats refused as another payload (422)", answered(evidence, 422))
    yield from sentences.counted("answered 400", answered(evidence, 400))
    yield from sentences.counted("answered 500", answered(evidence, 500))


def _about_the_trial(evidence: Evidence, promise: Promise) -> Iterator[str]:
    if not promise.duplicates:
        yield from sentences.listed(
            "sent twice where nothing could be in doubt", checks.duplicates(evidence, marked=True)
        )
    if not promise.unknown:
        yield from sentences.listed("unknown though it was answered", doubts(evidence))
    if not promise.locked:
        yield from sentences.counted(
            "`database is locked` in the logs", evidence.logged("database is locked")
        )
    if not promise.refusals:
        yield from sentences.counted("answered 503", answered(evidence, 503))
    if promise.quarantine is not None and len(quarantined(evidence)) != promise.quarantine:
        yield f"{len(quarantined(evidence))} in quarantine instead of {promise.quarantine}"
