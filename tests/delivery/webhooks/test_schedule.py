"""The schedule: three days of tries, with jitter, and what a Retry-After changes."""

from datetime import timedelta
from typing import Any

import pytest

from delivery.webhooks import schedule

HOUR = timedelta(hours=1)


def waits(asked: float | None = None) -> list[timedelta]:
    return [wait for tries in range(1, 11) if (wait := schedule.after(tries, asked))]


def test_ten_tries_are_spread_over_three_days() -> None:
    whole = schedule.first() + sum(waits(), timedelta())

    assert len(waits()) == 9
    assert 75.5 * HOUR < whole < 75.6 * 1.1 * HOUR


def test_no_wait_is_shorter_than_planned_nor_more_than_a_tenth_longer() -> None:
    assert all(
        timedelta(seconds=5) <= wait <= timedelta(seconds=5.5) for wait in (waits()[0] for _ in range(200))
    )


def test_two_endpoints_that_failed_together_do_not_come_back_together() -> None:
    assert len({waits()[5] for _ in range(20)}) > 1


@pytest.mark.parametrize(("asked", "wait"), [(1.0, 5), (60.0, 60), (86_400.0, 86_400)])
def test_a_retry_after_makes_the_wait_longer_and_never_shorter(asked: float, wait: int) -> None:
    assert timedelta(seconds=wait) <= waits(asked)[0] <= timedelta(seconds=wait * 1.1)


def test_the_operator_may_set_another_one(settings: Any) -> None:
    settings.GOMAIL_WEBHOOK_SCHEDULE = (1.0, 0.0)

    assert schedule.first() == timedelta(seconds=1)
    assert (schedule.after(1, None), schedule.after(2, None)) == (timedelta(0), None)
