"""When a webhook is tried: GOMAIL_WEBHOOK_SCHEDULE, three days by default, with jitter."""

import random
from datetime import timedelta
from typing import Final

from django.conf import settings

_JITTER: Final = 0.1  # of the wait: endpoints that failed together do not come back together
LONGEST_ASKED: Final = 24 * 60 * 60.0  # seconds; the longest wait that a `Retry-After` gets


def first() -> timedelta:
    """Return the wait before the first try."""
    return timedelta(seconds=settings.GOMAIL_WEBHOOK_SCHEDULE[0])


def after(tries: int, asked: float | None) -> timedelta | None:
    """Return the wait after so many failed tries; None: it was the last one.

    `asked`: the seconds of a `Retry-After`. It makes the wait longer and never shorter: an endpoint that is down for
    an hour and asks for a second would use up all tries in ten.
    """
    waits = settings.GOMAIL_WEBHOOK_SCHEDULE
    if tries >= len(waits):
        return None
    wait = waits[tries] * random.uniform(1, 1 + _JITTER)  # noqa: S311 - nobody gains by guessing it
    return timedelta(seconds=max(wait, asked or 0.0))
