"""Joins the clients' log, the vendors' ledger and GoMail's record, and says which promises are broken."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults import contents, sentences
from tests.faults.evidence import Evidence
from tests.faults.record import Email

GOAL = 0.70  # of the second provider alone
_GIVEN_UP = {"failed", "expired", "cancelled", "quarantined"}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one scenario promises beyond what all promise."""

    opens: bool | None = True  # whether the first provider's circuit opens; None: it may
    probed: bool = False  # whether it was given the time for a probe
    closes: bool = False  # whether it closes again
    duplicates: bool = False  # whether emails may be sent twice, marked


def lost(evidence: Evidence) -> list[str]:
    """Return the acknowledged emails that no vendor has, and of which the record does not say so."""
    known = evidence.record.emails
    return [
        answer.id
        for answer in evidence.answers
        if answer.acknowledged and not evidence.accepted[answer.id] and not _owned_up(known.get(answer.id))
    ]


def duplicates(evidence: Evidence, *, marked: bool) -> list[str]:
    """Return the emails that were accepted twice or more, and say so, or do not."""
    known, twice = evidence.record.emails, [pk for pk, count in evidence.accepted.items() if count > 1]
    return [pk for pk in twice if (pk in known and known[pk].possible_duplicate) == marked]


def sent_again(evidence: Evidence) -> list[str]:
    """Return the emails of policy `stop` that were offered again after a vendor had taken one whole."""
    stopped = {pk for pk, email in evidence.record.emails.items() if email.on_ambiguous == "stop"}
    seen: set[str] = set()
    again = []
    for entry in evidence.ledger:
        if entry.email in seen & stopped:
            again.append(entry.email)
        if entry.accepted:
            seen.add(entry.email)
    return again


def unrecorded(evidence: Evidence) -> list[str]:
    """Return the calls for which there is no attempt of that email and that provider."""
    known = {(a.id, a.email_id, a.provider) for a in evidence.record.attempts}
    return [e.attempt for e in evidence.ledger if (e.attempt, e.email, e.vendor) not in known]


def untrue(evidence: Evidence) -> list[str]:
    """Return the emails that are `sent` by the record, and that no vendor has."""
    emails = evidence.record.emails.values()
    return [email.id for email in emails if email.status == "sent" and not evidence.accepted[email.id]]


def broken(evidence: Evidence, expected: Expected) -> list[str]:
    """Return a sentence for each broken promise."""
    return [
        *_about_emails(evidence, expected),
        *contents.broken(evidence),
        *_about_circuits(evidence, expected),
    ]


def _about_emails(evidence: Evidence, expected: Expected) -> Iterator[str]:
    yield from sentences.listed("lost", lost(evidence))
    yield from sentences.listed("sent twice without saying so", duplicates(evidence, marked=False))
    if not expected.duplicates:
        yield from sentences.listed(
            "sent twice although nothing was in doubt", duplicates(evidence, marked=True)
        )
    yield from sentences.listed("offered again against `stop`", sent_again(evidence))
    yield from sentences.listed("called without an attempt's row", unrecorded(evidence))
    yield from sentences.listed("`sent`, but with no vendor", untrue(evidence))
    yield from sentences.listed(
        "not answered 2xx", [str(a.status) for a in evidence.answers if not a.acknowledged]
    )
    yield from sentences.counted("not settled by the worker in time", evidence.waiting)
    yield from sentences.counted("not sent by the clients in time", evidence.unsent)
    yield from sentences.counted("`database is locked` in the logs", evidence.logged("database is locked"))


def _about_circuits(evidence: Evidence, expected: Expected) -> Iterator[str]:
    opened, states = evidence.opened_at is not None, [c.state for c in evidence.record.changes]
    if expected.opens is not None and opened != expected.opens:
        yield f"the circuit {'opened' if opened else 'did not open'}"
    yield from sentences.counted(
        "open periods with more than one probe", sum(t.probes > 1 for t in evidence.tried)
    )
    tries = [f"{after:.2f} s after it had opened" for one in evidence.tried for after in one.unannounced]
    yield from sentences.listed("tries of an open circuit that nobody allowed", tries)
    if expected.probed and "probing" not in states:
        yield "the open circuit was never probed"
    if expected.closes and (not states or states[-1] != "closed"):
        yield "the circuit did not close"


def _owned_up(email: Email | None) -> bool:
    """Whether the record says of an email that nobody may have got it."""
    if email is None:
        return False
    return email.status in _GIVEN_UP or (email.status == "unknown" and email.due_at is None)
