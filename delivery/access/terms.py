"""What an owner and a key may do: their own rows of limits, and the defaults of the settings.

Who has no limit has no account here, and costs no statement: the rows come with the key (delivery/access/keys).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist

from delivery.models import ApiKey, Limits, Owner

_MIB: Final = 1024 * 1024
_A_BURST: Final = 60  # seconds of the rate that may come at once, unless a burst is set


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The limits that count; 0: none."""

    per_second: float = 0.0  # recipients
    burst: int = 0  # recipients at once
    daily: int = 0  # recipients in 24 hours
    waiting: int = 0  # emails
    stored: int = 0  # bytes

    def limit_something(self) -> bool:
        """Tell whether there is any limit."""
        return bool(self.per_second or self.daily or self.waiting or self.stored)


@dataclass(frozen=True, kw_only=True)
class Account:
    """An owner, or a key, with limits."""

    owner: int
    key: int | None  # None: the account is the owner's
    terms: Terms

    @property
    def prefix(self) -> str:
        """Return how the names of its policies begin."""
        return "key-" if self.key else ""


def accounts(owner: Owner | None, key: ApiKey | None = None) -> tuple[Account, ...]:
    """Return the accounts that limit what this key of this owner sends; the owner's first, in every process."""
    return tuple(_accounts(owner, key)) if owner else ()


def _accounts(owner: Owner, key: ApiKey | None) -> Iterator[Account]:
    default, own = _defaults(), _row(owner)
    of_owner = _terms(own, default) if own else default
    if of_owner.limit_something():
        yield Account(owner=owner.pk, key=None, terms=of_owner)
    if key and (row := _row(key)) and (of_key := _terms(row, Terms())).limit_something():
        yield Account(owner=owner.pk, key=key.pk, terms=of_key)


def _row(holder: Owner | ApiKey) -> Limits | None:
    try:
        return holder.limits
    except ObjectDoesNotExist:
        return None


def _defaults() -> Terms:
    per_second = settings.GOMAIL_RATE_PER_SECOND
    return Terms(
        per_second=per_second,
        burst=settings.GOMAIL_RATE_BURST or math.ceil(_A_BURST * per_second),
        daily=settings.GOMAIL_DAILY_EMAILS,
        waiting=settings.GOMAIL_WAITING_EMAILS,
        stored=settings.GOMAIL_STORED_MB * _MIB,
    )


def _terms(row: Limits, default: Terms) -> Terms:
    per_second = default.per_second if row.per_second is None else row.per_second
    burst = settings.GOMAIL_RATE_BURST if row.burst is None and row.owner_id else row.burst
    return Terms(
        per_second=per_second,
        burst=burst or math.ceil(_A_BURST * per_second),
        daily=default.daily if row.daily is None else row.daily,
        waiting=default.waiting if row.waiting is None else row.waiting,
        stored=default.stored if row.stored_mb is None else row.stored_mb * _MIB,
    )
