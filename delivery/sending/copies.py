"""Emails that were sent again: what became of one copy does not hide that another one was accepted.

An event of one attempt may come while the next is under way, and the recipient shows what it says. At a provider
without events nothing would ever tell better.
"""

from collections.abc import Collection, Iterable
from typing import Final
from uuid import UUID

from delivery.content import addresses
from delivery.models import Attempt, Email, ProviderEvent, Recipient

_Status = Recipient.Status
_WORSE: Final = (_Status.BOUNCED, _Status.SUPPRESSED, _Status.REJECTED)  # than accepted
_Ends = list[tuple[UUID | None, str]]  # attempts that ended so, by what their provider told


def hold(email: Email) -> None:
    """Lock the email and its recipients until the transaction ends, in the order in which events lock them."""
    list(Email.objects.filter(pk=email.pk).select_for_update().values_list("pk"))
    list(Recipient.objects.filter(email=email).order_by("pk").select_for_update().values_list("pk"))


def show_accepted(accepted: Attempt, *, but: Iterable[str] = ()) -> None:
    """Show the recipients of an attempt that was accepted as such, where only another attempt ended badly.

    `but`: addresses that it was not accepted for. The caller holds the transaction and the rows.
    """
    without = {addresses.canonical(address) for address in but}
    rows = [row for row in _worse(accepted) if row.canonical not in without]
    if not rows:
        return
    ends = _Told(accepted)
    better = [row.pk for row in rows if _ended_elsewhere(row, ends.of(row), accepted)]
    Recipient.objects.filter(pk__in=better).update(status=_Status.ACCEPTED, reason="")


def _ended_elsewhere(row: Recipient, ends: _Ends, accepted: Attempt) -> bool:
    """Tell whether the status is what was told of another attempt, and nothing as bad was told of this one."""
    ended = {attempt for attempt, _ in ends}
    return accepted.pk not in ended and any(status == row.status for _, status in ends)


class _Told:
    """How the attempts of an email ended by what providers have told."""

    def __init__(self, accepted: Attempt) -> None:
        told = ProviderEvent.objects.filter(email=accepted.email_id, certain=True, kind__in=_WORSE).order_by()
        self._ends = list(told.values_list("recipient", "attempt", "kind"))
        self._is_sole = Recipient.objects.filter(email=accepted.email_id).count() == 1

    def of(self, row: Recipient) -> _Ends:
        """Return those of one recipient; of an email's only one, whatever address they name."""
        return [
            (attempt, kind)
            for address, attempt, kind in self._ends
            if self._is_sole or address == row.canonical
        ]


def _worse(accepted: Attempt) -> Collection[Recipient]:
    return list(Recipient.objects.filter(email=accepted.email_id, status__in=_WORSE))
