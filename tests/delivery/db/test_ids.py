"""Identifiers are UUIDs of version 7 that sort by the time at which they were made, to the microsecond."""

import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

import pytest

from delivery.db import ids

NOON = datetime(2026, 11, 26, 12, 0, 0, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("made", [ids.uuid7(), ids.at(NOON), ids.floor(NOON)])
def test_it_is_a_uuid_of_version_7(made: UUID) -> None:
    assert (made.version, made.variant) == (7, RFC_4122)


def test_it_holds_the_milliseconds_first() -> None:
    assert ids.at(NOON).int >> 80 == int(NOON.timestamp() * 1000)


def test_those_of_one_millisecond_sort_by_their_microsecond() -> None:
    start = datetime(2026, 11, 26, 12, tzinfo=UTC)
    made = [ids.at(start + timedelta(microseconds=number)) for number in range(3000)]
    assert made == sorted(made)


def test_those_made_one_after_the_other_sort_so() -> None:
    made = []
    for _ in range(20):
        made.append(ids.uuid7())
        before = time.time_ns()
        while time.time_ns() < before + 1000:
            pass
    assert made == sorted(made)


def test_no_two_are_the_same_even_of_one_moment() -> None:
    assert len({ids.at(NOON) for _ in range(10_000)}) == 10_000


def test_the_floor_is_below_all_of_its_millisecond_and_above_all_before() -> None:
    start = NOON.replace(microsecond=999_000)
    floor = ids.floor(NOON)
    assert floor <= ids.at(start)
    assert ids.at(start - timedelta(microseconds=1)) < floor


def test_the_zone_of_a_moment_changes_nothing() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert ids.at(there).int >> 64 == ids.at(NOON).int >> 64
