"""Group commit: each thread gets what it would get alone, and what is wrong with one email is no other's affair."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery.db import group_commit
from delivery.db.group_commit import GroupCommit
from delivery.models import Attempt, Email
from delivery.queue import claims
from delivery.routing import configured
from delivery.sending import attempts, outcomes, transitions
from providers.message import Receipt
from tests.delivery.factories import queued


class Doubling:
    """An action that doubles, begins when it is told to, and remembers its groups."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begins = threading.Event()
        self.has_begun = threading.Event()
        self.failure: Exception | None = None

    def __call__(self, parts: Sequence[int]) -> list[float]:
        self.groups.append(sorted(parts))
        self.has_begun.set()
        self.begins.wait(10)
        if self.failure:
            raise self.failure
        return [2 / (1 / part) for part in parts]


def asked(action: Doubling, parts: list[int], group: GroupCommit[int, float] | None = None) -> list[Any]:
    """Ask for the first part, and for the others while the action is at work; return answers or errors."""
    group = group or GroupCommit(action)
    with ThreadPoolExecutor(len(parts)) as pool:
        waiting = [pool.submit(group.ask, parts[0])]
        action.has_begun.wait(10)
        waiting += [pool.submit(group.ask, part) for part in parts[1:]]
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


def test_what_may_be_done_all_the_same_is_not_done_again() -> None:
    action = Doubling()
    action.failure = OperationalError("gone")
    answers = asked(action, [1, 2, 3])

    assert answers == [action.failure] * 3
    assert action.groups == [[1], [2, 3]]


def test_a_group_that_has_failed_is_followed_by_others() -> None:
    group: GroupCommit[int, float] = GroupCommit(lambda parts: [1 / part for part in parts])
    with pytest.raises(ZeroDivisionError):
        group.ask(0)

    assert group.ask(1) == 1


def test_where_several_came_the_next_waits_a_moment_for_more_and_later_for_nobody(monkeypatch: Any) -> None:
    waits: list[float] = []
    monkeypatch.setattr(group_commit, "time", Mock(sleep=waits.append, monotonic=lambda: clock[0]))
    clock, action = [100.0], Doubling()
    group: GroupCommit[int, float] = GroupCommit(action)
    asked(action, [1, 2, 3], group)
    assert waits == []

    group.ask(1)
    assert waits == [group_commit._GATHER_SECONDS]
    clock[0] += 1.0
    group.ask(1)
    assert waits == [group_commit._GATHER_SECONDS]


def test_a_leader_that_is_ended_while_it_waits_leaves_the_others_a_leader(monkeypatch: Any) -> None:
    def end(_: float) -> None:
        raise SystemExit

    action = Doubling()
    group: GroupCommit[int, float] = GroupCommit(action)
    asked(action, [1, 2, 3], group)
    monkeypatch.setattr(group_commit, "time", Mock(sleep=end, monotonic=lambda: 0.0))
    with pytest.raises(SystemExit):
        group.ask(1)
    monkeypatch.undo()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(group.ask, 2).result(10) == 4


@pytest.mark.django_db
def test_of_a_group_of_claims_each_is_had_once_and_only_if_it_is_due() -> None:
    due, other = queued(), queued()
    later = queued(due_at=timezone.now() + timedelta(hours=1))

    first, again, not_yet, last = claims._take(claims._INNOCENT, [due.pk, due.pk, later.pk, other.pk])

    assert (again, not_yet) == (None, None)
    claimed = [bundle.email for bundle in (first, last) if bundle]
    assert [(email.pk, email.status, email.epoch) for email in claimed] == [
        (due.pk, "sending", 2),
        (other.pk, "sending", 2),
    ]


@pytest.mark.django_db
def test_a_group_of_which_one_claim_is_lost_begins_no_attempt(providers: None) -> None:
    mine, lost = claimed(), claimed()
    Email.objects.filter(pk=lost.pk).update(epoch=9)
    ses = configured.providers()[0]
    with pytest.raises(attempts.ClaimLost):
        attempts.begin_all([(mine, ses), (lost, ses)])

    assert not Attempt.objects.exists()


@pytest.mark.django_db
def test_a_group_of_sent_emails_is_written_down_whole(providers: None) -> None:
    parts = [sent(claimed(), f"id-{number}") for number in range(3)]
    transitions.record_plain(parts)

    assert {(email.status, email.provider) for email in Email.objects.all()} == {("sent", "ses")}
    assert {row.provider_message_id for row in Attempt.objects.filter(outcome="accepted")} == {
        "id-0",
        "id-1",
        "id-2",
    }
    assert {status for email in Email.objects.all() for status in statuses(email)} == {"accepted"}


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"epoch": 9}, {"status": "unknown"}])
def test_nothing_of_a_group_is_written_when_one_claim_is_over(
    providers: None, change: dict[str, Any]
) -> None:
    parts = [sent(claimed(), "one"), sent(claimed(), "other")]
    Email.objects.filter(pk=parts[1][0].pk).update(**change)
    with pytest.raises(attempts.ClaimLost):
        transitions.record_plain(parts)

    assert not Attempt.objects.exclude(outcome="started").exists()
    assert not Email.objects.filter(status="sent").exists()


@pytest.mark.django_db
def test_nothing_of_a_group_is_written_over_a_persons_word(providers: None) -> None:
    parts = [sent(claimed(), "one"), sent(claimed(), "other")]
    Attempt.objects.filter(pk=parts[0][2].pk).update(settled_by="ann", outcome="not_sent")
    with pytest.raises(attempts.ClaimLost):
        transitions.record_plain(parts)

    assert sorted(Attempt.objects.values_list("outcome", flat=True)) == ["not_sent", "started"]


def claimed() -> Email:
    bundle = claims.take(queued().pk)
    assert bundle
    return bundle.email


def sent(email: Email, message_id: str) -> tuple[Email, outcomes.Outcome, Attempt]:
    """Return an email that a provider has just accepted, of which the record does not know yet."""
    attempt = attempts.begin(email, configured.providers()[0])
    attempt.outcome, attempt.provider_message_id, attempt.latency_ms = "accepted", message_id, 7
    return email, outcomes.sent(Receipt(provider="ses", message_id=message_id)), attempt


def statuses(email: Email) -> list[str]:
    return list(email.recipients.values_list("status", flat=True))
