"""Group commit: each thread gets what it would get alone, and what is wrong with one email is no other's affair."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery import claims
from delivery.groups import Group
from tests.delivery.test_emails import queued


class Doubling:
    """An action that doubles, begins when it is told to, and remembers its groups."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begins = threading.Event()
        self.has_begun = threading.Event()

    def __call__(self, parts: Sequence[int]) -> list[float]:
        self.groups.append(sorted(parts))
        self.has_begun.set()
        self.begins.wait(10)
        return [2 / (1 / part) for part in parts]


def asked(action: Doubling, parts: list[int]) -> list[Any]:
    """Ask for the first part, and for the others while the action is at work; return answers or errors."""
    group: Group[int, float] = Group(action)
    with ThreadPoolExecutor(len(parts)) as crew:
        waiting = [crew.submit(group.ask, parts[0])]
        action.has_begun.wait(10)
        waiting += [crew.submit(group.ask, part) for part in parts[1:]]
        while len(group._waiting) < len(parts) - 1:
            time.sleep(0.001)
        action.begins.set()
        return [one.exception(10) or one.result() for one in waiting]


def test_those_who_come_while_a_group_is_at_work_make_the_next_one() -> None:
    action = Doubling()

    assert asked(action, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert action.groups == [[1], [2, 3, 4]]


def test_what_fails_with_one_of_a_group_fails_for_nobody_else() -> None:
    answers = asked(Doubling(), [1, 2, 0, 4])

    assert isinstance(answers.pop(2), ZeroDivisionError)
    assert answers == [2, 4, 8]


def test_a_group_that_has_failed_is_followed_by_others() -> None:
    group: Group[int, float] = Group(lambda parts: [1 / part for part in parts])
    with pytest.raises(ZeroDivisionError):
        group.ask(0)

    assert group.ask(1) == 1


@pytest.mark.django_db
def test_of_a_group_of_claims_each_is_had_once_and_only_if_it_is_due() -> None:
    due, other = queued(), queued()
    later = queued(due_at=timezone.now() + timedelta(hours=1))

    first, again, not_yet, last = claims._take([due.pk, due.pk, later.pk, other.pk])

    assert (again, not_yet) == (None, None)
    assert [email and (email.pk, email.status, email.epoch) for email in (first, last)] == [
        (due.pk, "sending", 2),
        (other.pk, "sending", 2),
    ]
