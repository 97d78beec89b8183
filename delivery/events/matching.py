"""Matching of events: by our attempt's id, and then by the address among that email's recipients. Never by guess."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from delivery.events.standings import STAGES
from delivery.models import Attempt, ProviderEvent, Recipient
from providers.events import Event, Kind

_State = ProviderEvent.State
_BESIDE = frozenset(
    {Kind.OPENED, Kind.CLICKED}
)  # from which nothing follows for a recipient; most events are such


@dataclass(kw_only=True)
class Told:
    """One event on its way into the record."""

    row: ProviderEvent
    event: Event
    attempt: Attempt | None = None  # the one that it is about, with its email
    recipients: Sequence[Recipient] = field(default_factory=list)  # those that it is about
    by_address: bool = False  # one of the email's recipients has the address that the vendor names


class Attempts:
    """The attempts of all emails that some events are about."""

    def __init__(self, rows: Iterable[ProviderEvent]) -> None:
        """Read them, in one query."""
        named = {row.attempt for row in rows if row.attempt}
        self._by_id: dict[UUID, Attempt] = {each.pk: each for each in _with_siblings(named)}

    def of(self, row: ProviderEvent) -> Attempt | None:
        """Return the attempt that an event names."""
        return self._by_id.get(row.attempt) if row.attempt else None

    def accepted(self) -> Mapping[UUID, list[UUID]]:
        """Return the accepted attempts by their emails.

        One that was in doubt is asked for again: its answer may have been stored before the recipients were locked.
        """
        self._look_again()
        found: dict[UUID, list[UUID]] = defaultdict(list)
        for attempt in self._by_id.values():
            if attempt.outcome == Attempt.Outcome.ACCEPTED:
                found[attempt.email_id].append(attempt.pk)
        return found

    def _look_again(self) -> None:
        doubted = [pk for pk, attempt in self._by_id.items() if attempt.outcome in Attempt.IN_DOUBT]
        if doubted:
            accepted = Attempt.objects.filter(pk__in=doubted, outcome=Attempt.Outcome.ACCEPTED).order_by()
            for pk in accepted.values_list("pk", flat=True):
                self._by_id[pk].outcome = Attempt.Outcome.ACCEPTED


def attempts(told: Sequence[Told]) -> Attempts:
    """Find the attempt of each event, and set in its row what it is about."""
    known = Attempts(each.row for each in told)
    for each in told:
        each.attempt = known.of(each.row)
        each.row.state = _state(each)
        if each.row.state == _State.APPLIED and each.attempt:
            each.row.email_id = each.attempt.email_id
    return known


def recipients(told: Sequence[Told]) -> None:
    """Find the recipients of each event, and lock them until the transaction ends, in one order everywhere."""
    about = [each for each in told if each.attempt and each.event.kind not in _BESIDE]
    found: dict[tuple[UUID, str], list[Recipient]] = defaultdict(list)
    for recipient in _locked({each.row.recipient for each in about}, _emails(about)):
        found[recipient.email_id, recipient.canonical].append(recipient)
    for each in about:
        each.recipients = found.get((_email(each), each.row.recipient), [])
        each.by_address = bool(each.recipients)
    _sole([each for each in about if not each.recipients and each.row.kind in STAGES])


def _sole(told: Sequence[Told]) -> None:
    """Give events of other addresses to an email's only recipient: a bounce may name where mail was forwarded."""
    if not told:
        return
    rows = Recipient.objects.filter(email__in=_emails(told)).order_by("email_id", "pk")
    of_email: dict[UUID, list[Recipient]] = defaultdict(list)
    for recipient in rows.select_for_update():
        of_email[recipient.email_id].append(recipient)
    for each in told:
        those = of_email[_email(each)]
        each.recipients = those if len(those) == 1 else []


def _locked(canonical: Collection[str], emails: Collection[UUID]) -> Iterable[Recipient]:
    rows = Recipient.objects.filter(email__in=emails, canonical__in=canonical).order_by("email_id", "pk")
    return rows.select_for_update() if emails else ()


def _emails(told: Iterable[Told]) -> set[UUID]:
    return {_email(each) for each in told}


def _email(told: Told) -> UUID:
    assert told.attempt  # noqa: S101 - the callers have chosen those
    return told.attempt.email_id


def _state(told: Told) -> str:
    if told.event.kind is Kind.OTHER:
        return _State.OTHER
    if told.event.kind is Kind.ACCOUNT:
        return _State.APPLIED
    if told.attempt is None:
        return _State.PARKED
    mine = told.attempt.provider == told.row.account
    return (
        _State.APPLIED if mine else _State.OTHER
    )  # another provider's attempt: this vendor cannot know of it


def _with_siblings(ids: Collection[UUID]) -> Iterable[Attempt]:
    if not ids:
        return ()
    emails = Attempt.objects.filter(pk__in=ids).values("email")
    columns = (
        "provider",
        "outcome",
        "settled_by",
        "epoch",
        "email__team",
        "email__from_address",
        "email__mailing",
    )
    return Attempt.objects.filter(email__in=emails).select_related("email").only(*columns).order_by()
