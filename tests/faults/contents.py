"""Compares each vendor's call with what was asked for, and each email's end with the calls; a sentence per breach."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults import mails, sentences
from tests.faults.evidence import Evidence
from tests.faults.mails import Mail
from tests.faults.record import Email

TOLD = frozenset(
    {"delivered", "bounced", "complained", "suppressed"}
)  # by a vendor, of mail that it has accepted
# What each recipient must be where the email's status leaves no choice.
_FOLLOWS = {
    "sent": {"accepted", *TOLD},
    "failed": {"failed"},
    "expired": {"expired"},
    "cancelled": {"cancelled"},
}
_GIVEN_UP = {"failed", "expired", "cancelled"}
_REFUSING = {"refusing", "late_refusal"}
_SLACK = 0.1  # seconds between the database's clock and ours


def broken(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for each breach, whatever may have gone wrong meanwhile."""
    yield from sentences.listed("calls with what nobody asked for", altered(evidence))
    yield from sentences.listed("with another subject in the record", renamed(evidence))
    yield from sentences.listed("with other recipients in the record", misaddressed(evidence))
    yield from sentences.listed("with a provider that does not have it", misattributed(evidence))
    yield from sentences.listed("with a recipient of another state", inconsistent(evidence))
    yield from sentences.listed("given up, but a vendor has it", given_away(evidence))
    yield from sentences.listed("offered after their end", too_late(evidence))
    yield from sentences.listed("offered after they had been cancelled", after_cancel(evidence))
    yield from sentences.listed("given up without a cause", causeless(evidence))


def altered(evidence: Evidence) -> list[str]:
    """Return the calls that are not what was asked for, each with the fields that differ."""
    wanted = _wanted(evidence)
    found = [(entry, _against(wanted.get(entry.email), entry.mail)) for entry in evidence.ledger]
    return [f"{entry.email} at {entry.vendor} in {what}" for entry, what in found if what]


def renamed(evidence: Evidence) -> list[str]:
    """Return the emails whose row has not the subject that their client has given under this id."""
    told, rows = _told(evidence), evidence.record.emails
    return [pk for pk, subject in told.items() if pk in rows and rows[pk].subject != subject]


def misaddressed(evidence: Evidence) -> list[str]:
    """Return the emails whose rows of recipients are not what was asked for."""
    boxes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in evidence.record.recipients:
        boxes[row.email_id, row.kind].append(row.address)
    return [
        pk
        for pk, mail in _wanted(evidence).items()
        if pk in evidence.record.emails
        and any(tuple(sorted(boxes[pk, kind])) != getattr(mail, kind) for kind in ("to", "cc", "bcc"))
    ]


def misattributed(evidence: Evidence) -> list[str]:
    """Return the emails that are `sent` by a provider that has not accepted them."""
    emails = evidence.record.emails.values()
    have = {(entry.email, entry.vendor) for entry in evidence.ledger if entry.accepted}
    return [one.id for one in emails if one.status == "sent" and (one.id, one.provider) not in have]


def inconsistent(evidence: Evidence) -> list[str]:
    """Return the emails with a recipient that is not what the email's own status says."""
    emails = evidence.record.emails
    return sorted(
        {
            row.email_id
            for row in evidence.record.recipients
            if row.status not in _FOLLOWS.get(emails[row.email_id].status, {row.status})
        }
    )


def given_away(evidence: Evidence) -> list[str]:
    """Return the emails that nobody has got, by the record, and that a vendor has accepted."""
    return [one.id for one in _given_up(evidence) if evidence.accepted[one.id]]


def too_late(evidence: Evidence) -> list[str]:
    """Return the emails that were offered after they had been given up."""
    ends = {one.id: one.finished_at for one in _given_up(evidence)}
    return [e.email for e in evidence.ledger if (end := ends.get(e.email)) and e.at > end + _SLACK]


def after_cancel(evidence: Evidence) -> list[str]:
    """Return the emails whose sender was told that they are cancelled, and that were offered after that."""
    told = {
        pk: one.ended
        for order in evidence.orders
        for one in order.withdrawals
        for pk, status in zip(one.ids, one.said, strict=True)
        if status == "cancelled"
    }
    offered = [e.email for e in evidence.ledger if e.at > told.get(e.email, float("inf"))]
    kept = [pk for pk in told if pk in evidence.record.emails and _status(evidence, pk) != "cancelled"]
    return [*offered, *kept]


def causeless(evidence: Evidence) -> list[str]:
    """Return the emails given up though no vendor refused, no deadline had come, or no sender wished so."""
    withdrawn = {pk for order in evidence.orders if order.withdrawals for e in order.taken for pk in e.ids}
    refused = {entry.email for entry in evidence.ledger if entry.mode in _REFUSING}
    because = {
        "cancelled": lambda one: one.id in withdrawn,
        "failed": lambda one: one.id in refused | evidence.infected,
        "expired": lambda one: one.expires_at <= one.finished_at + _SLACK,
    }
    return [one.id for one in _given_up(evidence) if not because[one.status](one)]


def _given_up(evidence: Evidence) -> list[Email]:
    return [one for one in evidence.record.emails.values() if one.status in _GIVEN_UP]


def _status(evidence: Evidence, pk: str) -> str:
    return evidence.record.emails[pk].status


def _wanted(evidence: Evidence) -> dict[str, Mail]:
    """Return what was asked for under each email's id: as its client was told, or else by its row's subject."""
    subjects = {row.id: row.subject for row in evidence.record.emails.values()} | _told(evidence)
    return {pk: evidence.asked[one] for pk, one in subjects.items() if one in evidence.asked}


def _told(evidence: Evidence) -> dict[str, str]:
    """Return the subject of each email whose id a customer was told."""
    return {
        pk: subject
        for order in evidence.orders
        for one in order.taken
        for pk, subject in zip(one.ids, order.subjects, strict=True)
        if pk
    }


def _against(asked: Mail | None, got: Mail) -> str:
    if asked is None:
        return "everything"
    return ", ".join(mails.differences(asked, got))
