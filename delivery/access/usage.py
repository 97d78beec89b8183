"""What an account has used of its limits, by the database's clock, and what is left."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum

from delivery.access import stored
from delivery.access.terms import Account, Rate
from delivery.db.clock import Nanoseconds
from delivery.models import Email, Limits, UsedMinute
from delivery.models.access import alike

DAY: Final = 86_400  # seconds
_A_SECOND: Final = 1_000_000_000  # nanoseconds
_A_MINUTE: Final = 60 * _A_SECOND


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The row of an account, as it was at a moment."""

    row: int  # primary key
    now: int  # nanoseconds
    full_at: int
    high_full_at: int
    day_used: int
    oldest: int | None  # minute
    stored: int | None
    waiting: int  # counted up to the limit


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One limit of one account, and what is left of it."""

    name: str  # burst, daily, waiting, stored; of a key: key-burst …
    code: str  # of the refusal
    quota: int
    left: int
    window: int | None = None  # seconds in which the whole quota comes back
    more_in: int | None = None  # seconds until more fits than is left; None: nobody knows
    unit: str = ""  # of the quota, where it is no number of emails


def of(account: Account) -> Usage:
    """Return what an account has used; its row is made, and what is a day old is forgotten, if need be."""
    found = _read(account)
    if found is None:
        _make(account)
        found = _read(account)
    if found and found.oldest is not None and _free_at(found.oldest) <= found.now:
        _roll(found.row)
        found = _read(account)
    if found and account.terms.stored and found.stored is None:
        stored.count_anew(found.row)
        found = _read(account)
    if found is None:
        raise Limits.DoesNotExist
    return found


def policies(account: Account, used: Usage) -> list[Policy]:
    """Return the limits of an account with what is left of each."""
    return list(_policies(account, used))


def waits_for(account: Account, used: Usage, recipients: int, high: int) -> int | None:
    """Return after how many seconds so many, of whom some are of high priority, fit into rates and day together.

    None: they never do.
    """
    terms = account.terms
    counted = [(rate, terms.counted(rate, recipients, high)) for rate in terms.rates]
    if any(number > rate.burst for rate, number in counted) or (terms.daily and recipients > terms.daily):
        return None
    rates = [_seconds_of_rate(rate, used, number) for rate, number in counted if number]
    return max(*rates, 0, _seconds_of_day(account, used, recipients) if terms.daily else 0)


def waiting(account: Account) -> QuerySet[Email]:
    """Return the emails of an account that are not finished: a worker has them to send, or somebody is sending them."""
    mine = Email.objects.order_by().filter(team=account.team)
    mine = mine.filter(key__in=alike(account.key)) if account.key else mine
    return mine.filter(Q(due_at__isnull=False) | Q(status=Email.Status.SENDING))


def count_waiting(account: Account) -> int:
    """Count them up to the limit."""
    return waiting(account).values("pk")[: account.terms.waiting].count()


def _read(account: Account) -> Usage | None:
    minutes = UsedMinute.objects.filter(limits=OuterRef("pk")).order_by("minute").values("minute")
    rows = _rows(account).annotate(now=Nanoseconds(), oldest=Subquery(minutes[:1]))
    row: Any = rows.values("pk", "now", "full_at", "high_full_at", "day_used", "stored", "oldest").first()
    if row is None:
        return None
    number = count_waiting(account) if account.terms.waiting else 0
    return Usage(row=row.pop("pk"), waiting=number, **row)


def _rows(account: Account) -> QuerySet[Limits]:
    return Limits.objects.filter(key=account.key) if account.key else Limits.objects.filter(team=account.team)


def _make(account: Account) -> None:
    row = Limits(key_id=account.key) if account.key else Limits(team_id=account.team)
    Limits.objects.bulk_create([row], ignore_conflicts=True)


def _roll(row: int) -> None:
    """Forget the minutes that were over a day ago, and count the others anew."""
    with transaction.atomic():
        Limits.objects.select_for_update().get(pk=row)
        minutes = UsedMinute.objects.filter(limits=row)
        minutes.annotate(now=Nanoseconds()).filter(minute__lte=F("now") / _A_MINUTE - DAY // 60 - 1).delete()
        used = minutes.aggregate(used=Sum("recipients"))["used"] or 0
        Limits.objects.filter(pk=row).update(day_used=used)


def _free_at(minute: int) -> int:
    """Return when what was used in this minute is free again: 24 hours after its end."""
    return (minute + 1) * _A_MINUTE + DAY * _A_SECOND


def _policies(account: Account, used: Usage) -> Iterator[Policy]:
    terms, prefix = account.terms, account.prefix
    yield from (_burst(account, rate, used) for rate in terms.rates)
    if terms.daily:
        left = max(terms.daily - used.day_used, 0)
        more = _until(used, _free_at(used.oldest)) if used.oldest is not None else 0
        yield Policy(
            name=f"{prefix}daily",
            code="daily_quota_exceeded",
            quota=terms.daily,
            left=left,
            window=DAY,
            more_in=more,
        )
    if terms.waiting:
        left = max(terms.waiting - used.waiting, 0)
        yield Policy(name=f"{prefix}waiting", code="waiting_quota_exceeded", quota=terms.waiting, left=left)
    if terms.stored:
        left = max(terms.stored - (used.stored or 0), 0)
        yield Policy(
            name=f"{prefix}stored",
            code="storage_quota_exceeded",
            quota=terms.stored,
            left=left,
            unit="content-bytes",
        )


def _burst(account: Account, rate: Rate, used: Usage) -> Policy:
    left = (rate.burst * rate.interval - _behind(rate, used)) // rate.interval
    return Policy(
        name=account.prefix + rate.name,
        code="rate_limited",
        quota=rate.burst,
        left=left,
        window=math.ceil(rate.burst / rate.per_second),
        more_in=_seconds_of_rate(rate, used, left + 1) if left < rate.burst else 0,
    )


def _behind(rate: Rate, used: Usage) -> int:
    """Return the nanoseconds until the whole burst is free; after a change of limits a row may say more than that."""
    return min(max(full_at(rate, used) - used.now, 0), rate.burst * rate.interval)


def full_at(rate: Rate, used: Usage) -> int:
    """Return when the whole burst of a rate is free again."""
    moment: int = getattr(used, rate.column)
    return moment


def _seconds_of_rate(rate: Rate, used: Usage, recipients: int) -> int:
    missing = _behind(rate, used) + (recipients - rate.burst) * rate.interval
    return _ceiling(max(missing, 0))


def _seconds_of_day(account: Account, used: Usage, recipients: int) -> int:
    missing = used.day_used + recipients - account.terms.daily
    if missing <= 0:
        return 0
    minutes = UsedMinute.objects.filter(limits=used.row).order_by("minute")
    for minute, number in _sums(minutes.values_list("minute", "recipients")):
        if number >= missing:
            return _until(used, _free_at(minute))
    return 0


def _sums(minutes: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    total = 0
    for minute, number in minutes:
        total += number
        yield minute, total


def _until(used: Usage, moment: int) -> int:
    return _ceiling(max(moment - used.now, 0))


def _ceiling(nanoseconds: int) -> int:
    return -(-nanoseconds // _A_SECOND)
