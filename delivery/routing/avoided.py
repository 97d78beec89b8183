"""Providers that a mailing has given up: they refused its first emails and took none. Other mail goes on there."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from uuid import UUID

from delivery.models import Mailing
from delivery.routing.configured import NobodyCanCarry
from providers.base import Provider


def spared(
    mailing: UUID, able: Sequence[Provider], left_out: dict[str, str]
) -> tuple[list[Provider], dict[str, str]]:
    """Return the providers that a mailing still goes to, and the reasons of the others; raise NobodyCanCarry.

    What another process has given up is known after a second.
    """
    avoided = of(mailing)
    reasons = {**left_out, **{one.name: avoided[one.name] for one in able if one.name in avoided}}
    left = [one for one in able if one.name not in avoided]
    if not left:
        raise NobodyCanCarry(reasons)
    return left, reasons


def of(mailing: UUID) -> Mapping[str, str]:
    """Return the providers that are avoided, and why."""
    return _read(mailing, int(time.monotonic()))


def forget() -> None:
    """Look anew: this process has changed something."""
    _read.cache_clear()


@lru_cache(maxsize=64)
def _read(mailing: UUID, second: int) -> Mapping[str, str]:
    found = Mailing.objects.filter(pk=mailing).values_list("avoided", flat=True).first()
    return found or {}
