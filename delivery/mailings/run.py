"""One step for each mailing that needs one: called by a thread of each worker, all the time."""

import time
from collections.abc import Callable
from typing import Final

from django.db import transaction

from delivery.db.outages import AWAY
from delivery.mailings import check, claims, states
from delivery.mailings.content import NotReady
from delivery.models import Mailing

_TICK: Final = 0.05  # seconds between two looks at a check that another process makes
GoingOn = Callable[[], bool]


def run_due(going_on: GoingOn) -> None:
    """Take each mailing that is free and needs something a step further."""
    while going_on() and (mailing := claims.take()):
        step(mailing, going_on)


def step(mailing: Mailing, going_on: GoingOn) -> None:
    """Take a claimed mailing a step further, and give it back."""
    try:
        check.run(mailing, going_on)
    except claims.Lost:
        pass
    except NotReady as why:
        with transaction.atomic():
            states.set_aside(mailing, str(why))
    except AWAY:
        raise
    claims.give_back(mailing)


def check_now(mailing: Mailing, seconds: float = 20.0) -> bool:
    """Make the check that was asked for while somebody waits; tell whether it was done within this time."""
    until = time.monotonic() + seconds
    while mailing.check_asked_at is not None and time.monotonic() < until:
        if claimed := claims.take(mailing.pk):
            step(claimed, lambda: time.monotonic() < until)
        else:
            time.sleep(_TICK)
        mailing.refresh_from_db()
    return mailing.check_asked_at is None
