"""Which recipients come next: in the order of the snapshot, but nobody waits behind a domain that has no turn."""

import time
from collections.abc import Iterable
from typing import Final

from django.db.models import Q, QuerySet

from delivery.content.addresses import canonical
from delivery.mailings.pace import Pace
from delivery.models import Mailing, MailingRecipient

_AGAIN: Final = 5.0  # seconds until all are looked at once more: some may have come back
_WAITING: Final = MailingRecipient.State.WAITING


class Choice:
    """Goes through the waiting recipients of one mailing, in memory; another process begins at the first again."""

    def __init__(self, mailing: Mailing) -> None:
        self._mailing = mailing
        self._behind = 0  # the next ones are behind this row
        self._passed = 0  # up to here some may have been passed over, of domains without a turn
        self._rest_until = 0.0  # there was nobody behind
        self._rests: dict[str, float] = {}  # the same by domain: nobody of it had been passed over

    def next(self, pace: Pace, most: int) -> list[MailingRecipient]:
        """Return at most so many; those of domains that were passed over come first."""
        full = pace.full()
        found: dict[int, MailingRecipient] = {}
        for domain in self._mailing.domain_rates if self._passed else ():
            if domain not in full:
                found.update({row.pk: row for row in self._passed_of(domain, pace.room_of(domain))})
        self._ask_again(full)  # those that follow are asked for without these
        found.update({row.pk: row for row in self._following(full, most - len(found))})
        return list(found.values())[:most]

    def done(self, rows: list[MailingRecipient], passed: list[MailingRecipient]) -> None:
        """Go on behind these: they have been taken, or passed over."""
        self._ask_again(domain(row.address) for row in passed)
        self._behind = max([self._behind, *(row.pk for row in rows)])
        self._passed = max(self._passed, self._behind)

    def anybody_waits(self) -> bool:
        """Tell whether there is anybody left."""
        return self._rows().exists()

    def _passed_of(self, domain: str, most: int) -> list[MailingRecipient]:
        """Return those of a domain that were passed over; while there is nobody, all are looked through for it."""
        if time.monotonic() < self._rests.get(domain, 0.0):
            return []
        rows = list(self._rows().filter(_at([domain]), pk__lte=self._passed)[:most])
        if not rows:
            self._rests[domain] = time.monotonic() + _AGAIN
        return rows

    def _ask_again(self, domains: Iterable[str]) -> None:
        for domain in domains:
            self._rests.pop(domain, None)

    def _following(self, full: list[str], most: int) -> list[MailingRecipient]:
        if most <= 0 or time.monotonic() < self._rest_until:
            return []
        rows = list(self._rows().filter(pk__gt=self._behind).exclude(_at(full))[:most])
        if not rows:
            self._behind, self._rest_until = 0, time.monotonic() + _AGAIN
        return rows

    def _rows(self) -> QuerySet[MailingRecipient]:
        return MailingRecipient.objects.filter(mailing=self._mailing, state=_WAITING).order_by("pk")


def domain(address: str) -> str:
    """Return the domain of an address, as it is compared."""
    return canonical(address).rpartition("@")[2]


def _at(domains: list[str]) -> Q:
    found = Q(pk__in=[])
    for name in domains:
        found |= Q(address__iendswith=f"@{name}")
    return found
