"""Turns: whoever is quick earns calls at the same time, and all who are not share half of the threads."""

from uuid import UUID, uuid4

import pytest

from delivery.webhooks.turns import Turns


def quick(turns: Turns, taken: int = 20) -> UUID:
    """Return an endpoint that has just taken so many messages."""
    one = uuid4()
    for _ in range(taken):
        call(turns, one)
    return one


def call(turns: Turns, one: UUID, *, seconds: float = 0.1, taken: bool = True) -> None:
    turns.begin(one)
    turns.end(one, seconds=seconds, taken=taken)


def begin_all(turns: Turns, room: dict[UUID, int]) -> int:
    for endpoint, most in room.items():
        for _ in range(most):
            turns.begin(endpoint)
    return sum(room.values())


def test_an_endpoint_that_nobody_knows_gets_one_call() -> None:
    turns, new = Turns(32), uuid4()

    assert turns.room([new]) == {new: 1}
    begin_all(turns, {new: 1})
    assert turns.room([new]) == {}


@pytest.mark.parametrize(("taken", "calls"), [(1, 2), (2, 3), (15, 16), (100, 16)])
def test_each_message_that_is_taken_quickly_earns_one_more_call_at_the_same_time(
    taken: int, calls: int
) -> None:
    turns = Turns(32)
    one = quick(turns, taken)

    assert turns.room([one]) == {one: calls}
    begin_all(turns, {one: calls - 1})
    assert turns.room([one]) == {one: 1}


@pytest.mark.parametrize(("seconds", "taken"), [(0.1, False), (9.0, True)])
def test_one_that_refuses_or_is_slow_has_to_earn_them_anew(seconds: float, taken: bool) -> None:
    turns = Turns(32)
    one = quick(turns)
    call(turns, one, seconds=seconds, taken=taken)
    assert turns.room([one]) == {one: 1}
    call(turns, one)

    assert turns.room([one]) == {one: 2}


def test_any_number_of_slow_endpoints_leaves_half_of_the_threads_to_the_others() -> None:
    turns = Turns(32)
    good = quick(turns)
    slow = [uuid4() for _ in range(100)]

    assert begin_all(turns, turns.room(slow)) == 16
    assert turns.room([*slow, good]) == {good: 16}


def test_never_more_calls_than_threads() -> None:
    turns = Turns(32)
    known = [quick(turns) for _ in range(9)]

    assert begin_all(turns, turns.room(known)) == 32
    assert turns.room(known) == {}


def test_whoever_was_served_longest_ago_comes_first() -> None:
    turns = Turns(2)
    slow = [uuid4() for _ in range(3)]
    order = []
    for _ in range(6):
        (one,) = turns.room(slow)
        order.append(one)
        call(turns, one, seconds=15.0, taken=False)

    assert order == slow + slow
