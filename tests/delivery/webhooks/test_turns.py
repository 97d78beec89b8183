"""Turns: whoever is slow has one thread, and all who are slow half of them."""

from uuid import UUID, uuid4

from delivery.webhooks.turns import Turns


def quick(turns: Turns) -> UUID:
    """Return an endpoint that has just taken a message."""
    one = uuid4()
    turns.begin(one)
    turns.end(one, seconds=0.1, taken=True)
    return one


def begin_all(turns: Turns, room: dict[UUID, int]) -> int:
    for endpoint, most in room.items():
        for _ in range(most):
            turns.begin(endpoint)
    return sum(room.values())


def test_an_endpoint_that_nobody_knows_gets_one_call() -> None:
    turns, new = Turns(16), uuid4()

    assert turns.room([new]) == {new: 1}
    begin_all(turns, {new: 1})
    assert turns.room([new]) == {}


def test_one_that_was_quick_gets_eight_and_no_more() -> None:
    turns = Turns(16)
    one = quick(turns)
    begin_all(turns, {one: 6})

    assert turns.room([one]) == {one: 2}


def test_one_that_was_slow_or_refused_is_slow_until_it_takes_one_in_time() -> None:
    turns = Turns(16)
    one = quick(turns)
    for seconds, taken in ((0.1, False), (9.0, True)):
        turns.begin(one)
        turns.end(one, seconds=seconds, taken=taken)
        assert turns.room([one]) == {one: 1}
    turns.begin(one)
    turns.end(one, seconds=0.1, taken=True)

    assert turns.room([one]) == {one: 8}


def test_any_number_of_slow_endpoints_leaves_half_of_the_threads_to_the_others() -> None:
    turns = Turns(16)
    good = quick(turns)
    slow = [uuid4() for _ in range(100)]

    assert begin_all(turns, turns.room(slow)) == 8
    assert turns.room([*slow, good]) == {good: 8}


def test_never_more_calls_than_threads() -> None:
    turns = Turns(16)
    known = [quick(turns) for _ in range(9)]

    assert begin_all(turns, turns.room(known)) == 16
    assert turns.room(known) == {}


def test_whoever_was_served_longest_ago_comes_first() -> None:
    turns = Turns(2)
    slow = [uuid4() for _ in range(3)]
    order = []
    for _ in range(6):
        (one,) = turns.room(slow)
        order.append(one)
        turns.begin(one)
        turns.end(one, seconds=15.0, taken=False)

    assert order == slow + slow
