"""Turns are given out a little ahead, also after the clock was set back."""

from datetime import timedelta

import pytest

from delivery.db import clock
from delivery.mailings import claims
from delivery.mailings.pace import Pace
from delivery.models import Mailing
from tests.delivery.mailings import mailed

HOUR = timedelta(hours=1)


def test_a_clock_that_was_set_back_stops_no_mailing_with_a_rate() -> None:
    now = clock.now()
    mailing = Mailing(rate=10.0, domain_rates={"slow.example": 0.5})
    mailing.next_at, mailing.domains_next_at = now + HOUR, {"slow.example": (now + HOUR).timestamp()}

    turns = Pace(mailing, now)
    later = Mailing(rate=10.0, domain_rates=mailing.domain_rates, **turns.changes())
    assert Pace(later, now + timedelta(seconds=0.2)).turn("example.com")
    assert Pace(later, now + timedelta(seconds=2.1)).turn("slow.example")


def test_a_rate_that_was_just_used_up_stays_used_up() -> None:
    now = clock.now()
    turns = Pace(Mailing(rate=10.0), now)
    while turns.turn("example.com"):
        pass
    assert Pace(Mailing(rate=10.0, **turns.changes()), now).room() == 0


@pytest.mark.django_db(transaction=True)
def test_a_lease_from_before_the_clock_was_set_back_is_over() -> None:
    mailing = mailed.started(mailed.group(1))
    assert claims.take()
    assert claims.take() is None
    Mailing.objects.update(lease_until=clock.now() + HOUR)
    assert claims.take() == mailing
