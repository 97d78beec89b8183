"""Reads the vendors' suppression lists into ours, and pushes ours to them when asked; one process at a time.

What is read is for all: a vendor's list does not know teams. Nothing is counted twice: the same list is read again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from delivery.content import addresses, tombstones
from delivery.db import clock, ids
from delivery.db.text import storable
from delivery.models import Suppression, VendorList
from delivery.models.suppression import ALL, LIST
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from providers.errors import ProviderError
from providers.suppressions import Cause, Incomplete, Listed, Lists

OVERLAP: Final = timedelta(days=1)  # that is read again: vendors' lists lag, and their clocks are their own
_LEASE = timedelta(minutes=10)  # renewed with each page, whose call is limited to half a minute
_LONGEST_ADDRESS, _LONGEST_LIST = 254, 100
# Vendors list what nobody could write to, too. An address is not mended: it would become somebody else's.
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]+@[^\s@\x00-\x1f\x7f\ud800-\udfff]+")
_AT_ONCE = 1000  # entries pushed between two renewals
# True for all teams, whoever met them, where an event told of it; what a team enters itself holds for itself alone.
_FACTS = Q(kind__in=(Suppression.Kind.HARD_BOUNCE, Suppression.Kind.INVALID), event_id__isnull=False)


class Busy(Exception):
    """Another process reads the lists of this account now."""


class Lost(Exception):
    """Our lease has ended: another process may read the lists of this account now."""


@dataclass(kw_only=True)
class Report:
    """What became of the lists of one account."""

    account: str
    read: int = 0
    new: int = 0
    pushed: int = 0
    problem: str = ""  # why it is not complete; empty: it is


def run(account: str, lists: Lists, *, full: bool, push: bool) -> Report:
    """Read what is new since the last time, or everything; then push ours if asked. Raises Busy."""
    report, holder = Report(account=account), uuid4()
    row = _claim(account, holder)
    try:
        _read(row, holder, lists, report, full=full)
        if push:
            _push(row, holder, lists, report)
    except (ProviderError, Incomplete) as problem:
        report.problem = problem.detail if isinstance(problem, ProviderError) else str(problem)
    except Lost:
        report.problem = f"{account}: it took so long that another process has begun to read the lists."
    finally:
        VendorList.objects.filter(pk=account, holder=holder).update(lease_until=None, holder=None)
        lists.close()
    return report


def _claim(account: str, holder: UUID) -> VendorList:
    VendorList.objects.get_or_create(pk=account)
    free = VendorList.objects.filter(Q(lease_until=None) | Q(lease_until__lt=Now()), pk=account)
    if not free.update(lease_until=Now() + _LEASE, holder=holder):
        raise Busy
    return VendorList.objects.get(pk=account)


def _keep(account: str, holder: UUID) -> None:
    if not VendorList.objects.filter(pk=account, holder=holder).update(lease_until=Now() + _LEASE):
        raise Lost


def _read(row: VendorList, holder: UUID, lists: Lists, report: Report, *, full: bool) -> None:
    began = clock.now()
    since = row.read_at - OVERLAP if row.read_at and not full else None
    incomplete: Incomplete | None = None
    try:
        for page in lists.read(since):
            _keep(row.account, holder)
            report.read += len(page)
            report.new += len(_taken(row.account, page))
    except Incomplete as problem:
        incomplete = problem
    VendorList.objects.filter(pk=row.account).update(read_at=began)
    if incomplete:
        raise incomplete


def _taken(account: str, page: Sequence[Listed]) -> list[Suppression]:
    """Enter those of a page that are not known yet."""
    found = {_identity(finding): finding for finding in _findings(account, page)}
    erased = tombstones.of_each(address for address, _, _ in found)
    several = {*erased, *(address for address, _, _ in found)}
    known = Suppression.objects.in_force().filter(team=None, address__in=several)
    for address, kind, scope in known.values_list("address", "kind", "scope"):
        found.pop((erased.get(address, address), kind, scope), None)
    with transaction.atomic():
        return entries.add(list(found.values()))


def _findings(account: str, page: Iterable[Listed]) -> Iterator[Finding]:
    for entry in page:
        address = addresses.canonical(entry.address.strip())
        if _ADDRESS.fullmatch(address) and len(address) <= _LONGEST_ADDRESS:
            yield Finding(
                team_id=None,
                address=address,
                kind=entry.cause.value,
                scope=f"{LIST}{storable(entry.list_name)[:_LONGEST_LIST]}" if entry.list_name else ALL,
                source=account,
                reason=entry.reason,
                at=entry.at or clock.now(),
                expires_at=entry.expires_at,
            )


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.address, finding.kind, entries.scope_of(finding.kind, finding.scope)


def _push(row: VendorList, holder: UUID, lists: Lists, report: Report) -> None:
    """Put on the vendor's list what is suppressed for all, and what bounced for anybody; it stops every mail there."""
    began = clock.now()
    for page in _pages(row.account, row.pushed_at):
        _keep(row.account, holder)
        lists.add(page)
        report.pushed += len(page)
    VendorList.objects.filter(pk=row.account).update(pushed_at=began)


def _pages(account: str, since: datetime | None) -> Iterator[list[Listed]]:
    """Yield our entries that the vendor has not told us itself, oldest first."""
    rows = (
        Suppression.objects.in_force()
        .filter(Q(team=None) | _FACTS, scope=ALL, expires_at=None)
        .exclude(source=account)
    )
    after = ids.floor(since - OVERLAP) if since else UUID(int=0)
    while some := list(rows.filter(pk__gt=after).order_by("pk")[:_AT_ONCE]):
        yield [Listed(address=row.address, cause=Cause(row.kind), reason=row.reason) for row in some]
        after = some[-1].pk
