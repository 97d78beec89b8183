"""The moments of a provider's rate: each is given out once, over threads and processes."""

import itertools
import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.db import clock
from delivery.models import ProviderQuota
from delivery.routing.lines import A_SECOND, Line, Slot
from tests.delivery.access.crowds import at_once

EVERY = A_SECOND // 50


def told(**fields: Any) -> ProviderQuota:
    """Let SES have told of a quota; by default of a rate alone."""
    given = {"every": EVERY, "told_at": timezone.now(), **fields}
    return ProviderQuota.objects.create(provider="ses", **given)


def line() -> Line:
    """Return the line as another process has it."""
    made = Line("ses", 50)
    made.known()
    return made


def taken(one: Line, number: int, **how: Any) -> list[int]:
    """Take up to so many moments, as far as the line reaches."""
    found = (one.take(1, high=how.get("high", False)) for _ in range(number))
    return [slot.at for slot in found if slot]


@pytest.mark.django_db
def test_without_a_quota_nothing_is_known() -> None:
    assert line().known() is None


@pytest.mark.django_db
def test_a_vendor_that_tells_of_no_limit_limits_nothing() -> None:
    told(every=0, day=None)
    assert line().known() is None


@pytest.mark.django_db(transaction=True)
def test_no_two_of_fifty_threads_in_three_processes_have_moments_closer_than_the_rate() -> None:
    told()
    processes = [line() for _ in range(3)]
    slots = at_once(lambda number: processes[number % 3].take(1, high=True))

    moments = sorted(slot.at for slot in slots if slot)
    assert len(moments) > 20
    assert min(after - before for before, after in itertools.pairwise(moments)) >= EVERY


@pytest.mark.django_db
def test_most_emails_cost_no_statement_while_there_are_many() -> None:
    told()
    one = line()
    with CaptureQueriesContext(connection) as asked:
        assert len(taken(one, 15)) == 15
    assert len(asked) == 4  # for 1, 2, 4 and 8 of them


@pytest.mark.django_db
def test_one_that_comes_alone_takes_one_moment() -> None:
    row = told()
    (moment,) = taken(line(), 1)
    row.refresh_from_db()
    assert (row.taken, row.next_at) == (1, moment + EVERY)


@pytest.mark.django_db
def test_who_used_less_than_it_took_takes_less_and_gives_it_back_to_the_day() -> None:
    row = told(every=1000)
    one = line()
    taken(one, 4)  # of seven
    time.sleep(0.1)
    taken(one, 1)
    row.refresh_from_db()
    assert row.taken == 7 - 3 + 5


@pytest.mark.django_db
def test_a_line_reaches_half_a_second_ahead_and_a_whole_one_for_high_priority() -> None:
    told()
    one, begun = line(), clock.nanoseconds()
    normal = taken(one, 100)
    high = taken(line(), 100, high=True)
    assert taken(one, 1) == []
    piece = 8 * EVERY
    assert A_SECOND / 2 <= normal[-1] - begun <= A_SECOND / 2 + piece + A_SECOND / 5
    assert A_SECOND <= high[-1] - begun <= A_SECOND + piece + A_SECOND / 5


@pytest.mark.django_db
def test_a_process_that_is_killed_loses_no_more_than_its_piece() -> None:
    told()
    dead = line()
    last = taken(dead, 8)[-1]  # of 15 that it has taken
    following = line().take(1, high=False)
    assert following
    assert following.at - last <= 8 * EVERY


@pytest.mark.django_db
def test_a_mail_to_many_has_all_their_moments_in_one_piece() -> None:
    told()
    one = line()
    many, following = one.take(10, high=False), one.take(1, high=False)
    assert many
    assert following
    assert following.at - many.at >= 10 * EVERY


@pytest.mark.django_db
def test_a_moment_that_has_passed_for_too_long_is_exchanged() -> None:
    told()
    one = line()
    fine, late = Slot(at=clock.nanoseconds()), Slot(at=clock.nanoseconds() - A_SECOND)
    assert one.renew(fine, high=False) is fine
    assert one.renew(late, high=False).at >= clock.nanoseconds() - A_SECOND / 10


@pytest.mark.django_db
def test_who_was_late_does_not_wait_for_a_moment_that_is_far_away() -> None:
    """Else the claim of an attempt under way would end, and another process send the email, too."""
    row = told(every=A_SECOND, next_at=clock.nanoseconds() + 50 * A_SECOND)  # behind a mail to fifty
    late = Slot(at=clock.nanoseconds() - A_SECOND)
    one = line()
    assert one.renew(late, high=False) is late
    ProviderQuota.objects.update(next_at=0)
    assert one.renew(late, high=False) is not late
    row.refresh_from_db()
    assert row.taken == 0  # of the two that were late one was used, and one exchanged


@pytest.mark.django_db
def test_a_moment_that_was_given_back_is_the_next_one() -> None:
    told()
    one = line()
    slot = one.take(1, high=False)
    assert slot
    one.give_back(slot)
    assert one.take(1, high=False) == slot


@pytest.mark.django_db(transaction=True)
def test_fifty_threads_use_nine_tenths_of_the_day_and_high_priority_the_rest() -> None:
    told(every=0, day=40, used=5)
    processes = [line() for _ in range(2)]
    normal = at_once(lambda number: processes[number % 2].take(1, high=False))
    high = at_once(lambda number: processes[number % 2].take(1, high=True))
    assert sum(map(bool, normal)) <= 31  # a process may hold a few that another one would have used
    assert sum(map(bool, (*normal, *high))) == 35
    assert processes[0].free_at(1, high=True) is None


@pytest.mark.django_db
def test_one_process_uses_nine_tenths_of_the_day_to_the_last() -> None:
    told(every=0, day=41, used=5)
    assert (len(taken(line(), 50)), len(taken(line(), 50, high=True))) == (31, 5)


@pytest.mark.django_db
def test_a_line_that_reaches_too_far_was_made_by_another_clock() -> None:
    row = told(next_at=clock.nanoseconds() + 3600 * A_SECOND)
    one = line()
    row.refresh_from_db()
    assert row.next_at <= clock.nanoseconds() + A_SECOND  # the clock is an estimate of the database's
    assert one.known()


@pytest.mark.django_db
def test_while_it_is_known_that_nobody_may_send_nothing_is_asked() -> None:
    told()
    one = line()
    taken(one, 100)
    with CaptureQueriesContext(connection) as asked:
        assert taken(one, 10) == []
    assert not asked.captured_queries


@pytest.mark.django_db
def test_what_a_slow_process_has_lost_of_the_day_is_given_out_again() -> None:
    row = told(day=10, used=8)  # nine are for all, so one is left
    one = line()
    assert one.take(1, high=False)
    one.give_back(Slot(at=clock.nanoseconds() - A_SECOND))  # as late as a slow process comes
    assert one.take(1, high=False)
    row.refresh_from_db()
    assert row.taken == 1
    assert one.take(1, high=False) is None
    assert one.free_at(1, high=False) is None
