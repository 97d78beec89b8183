"""Limits of what may be tried: so many times in a window, and with the last of them no more for as long again.

A try is counted before it is made, by one conditional UPDATE: a hundred at once are a hundred, in however many
processes and on however many machines. What was no failure is given back. See docs/decisions/0040.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from django.db.models import Case, DateTimeField, F, Q, When
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from delivery.db import clock
from delivery.models import Tries


class TooManyTries(Exception):
    """It may not be tried now; `seconds` says when again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Too many tries; try again in {math.ceil(seconds)} seconds.")
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How often one thing may be tried, within so many seconds from the first time."""

    kind: str
    most: int
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Try:
    """One that was counted."""

    name: str

    def give_back(self) -> None:
        """Count it no more: it was no failure."""
        Tries.objects.filter(name=self.name, number__gt=0).update(number=F("number") - 1)


def take(limit: Limit, *what: str) -> Try:
    """Count a try at what has these names; raise TooManyTries if there may be none."""
    name = _name(limit, what)
    if not (_count(limit, name) or _begin(limit, name) or _count(limit, name)):
        raise TooManyTries(_seconds_left(limit, name) or 1.0)
    return Try(name=name)


def refuse(limit: Limit, *what: str) -> None:
    """Raise TooManyTries if there may be none; count nothing."""
    if seconds := _seconds_left(limit, _name(limit, what)):
        raise TooManyTries(seconds)


def forget(limit: Limit, *what: str) -> None:
    """Begin anew with what has these names."""
    Tries.objects.filter(name=_name(limit, what)).delete()


def network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that one IPv6 host can pick its addresses from."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return str(IPv6Network((parsed, 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _count(limit: Limit, name: str) -> bool:
    """Add one to the window that runs, or begin another where it has ended; the last one begins the lock."""
    ended, ends = Q(until__lte=Now()), Now() + timedelta(seconds=limit.seconds)
    last = Q(number__gte=limit.most - 1)
    changed = Tries.objects.filter(ended | Q(number__lt=limit.most), name=name).update(
        number=Case(When(ended, then=1), default=F("number") + 1),
        until=Case(When(ended | last, then=ends), default=F("until"), output_field=DateTimeField()),
    )
    return bool(changed)


def _begin(limit: Limit, name: str) -> bool:
    first = {"number": 1, "until": Now() + timedelta(seconds=limit.seconds)}
    return Tries.objects.get_or_create(name=name, defaults=first)[1]


def _seconds_left(limit: Limit, name: str) -> float:
    until = (
        Tries.objects.filter(name=name, number__gte=limit.most, until__gt=Now())
        .values_list("until", flat=True)
        .first()
    )
    if until is None:
        return 0.0
    left = (until - clock.now()).total_seconds()  # by a clock that may differ a little from the database's
    return min(max(0.01, left), float(limit.seconds))


def _name(limit: Limit, what: tuple[str, ...]) -> str:
    said = "\0".join((limit.kind, *what)).casefold().encode(errors="surrogatepass")
    return salted_hmac("gomail.tries", said, algorithm="sha256").hexdigest()
