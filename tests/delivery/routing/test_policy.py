"""When a circuit opens, for how long, and how it comes back: tables, no database."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Circuit
from delivery.routing import policy
from delivery.routing.policy import Verdict
from providers import errors
from providers.message import Receipt

NOW = timezone.now()
OK, FAILED, DOUBT, BUSY, SLOW = (
    ("", 50),
    ("unavailable", 50),
    ("unknown", 25_000),
    ("throttled", 50),
    ("", 20_000),
)
RECEIPT = Receipt(provider="ses", message_id="1")


def circuit(**fields: Any) -> Circuit:
    return Circuit(provider="ses", **fields)


def open_circuit(**fields: Any) -> Circuit:
    known = {"state": "open", "trouble": "failing", "retry_at": NOW + timedelta(seconds=30)}
    return circuit(**(known | fields))


@pytest.mark.parametrize(
    ("attempts", "opens"),
    [
        ([], False),
        ([FAILED] * 4, False),
        ([FAILED] * 5, True),
        ([DOUBT] * 5, True),
        ([FAILED, DOUBT, FAILED, DOUBT, FAILED], True),
        ([FAILED] * 4 + [OK] + [FAILED] * 4, False),
        ([FAILED] * 4 + [BUSY] * 9 + [FAILED], True),
        ([("refused", 50), *[FAILED] * 9], False),
        ([("recipients_refused", 50), *[FAILED] * 9], False),
        ([BUSY] * 100, False),
        ([("account_problem", 5)] * 9 + [("sender_refused", 5)] * 9 + [("cannot_carry", 5)] * 9, False),
        ([("unreadable", 0)] * 100, False),
        ([("exhausted", 0), ("exhausted", 20_000)] * 50, False),
        ([SLOW] * 9, False),
        ([SLOW] * 10, True),
        ([SLOW, FAILED] * 3, False),
        ([SLOW, FAILED] * 4, True),
        ([OK, FAILED] * 9, False),
        ([OK, FAILED] * 10, True),
        ([OK, OK, FAILED] * 30, False),
        ([OK, SLOW] * 50, False),
    ],
)
def test_a_provider_is_failing_after_five_in_a_row_or_half_of_twenty(attempts: Any, opens: bool) -> None:
    assert policy.is_failing(attempts, on_ramp=False) is opens


def test_a_provider_that_has_just_come_back_fails_after_two_in_a_row() -> None:
    assert policy.is_failing([FAILED, FAILED, OK], on_ramp=True)
    assert not policy.is_failing([FAILED, OK, FAILED], on_ramp=True)


@pytest.mark.parametrize(
    ("news", "verdict"),
    [
        (RECEIPT, Verdict.WORKS),
        (Receipt(provider="mandrill", message_id="1", account_problem="suspended"), Verdict.ACCOUNT),
        (errors.Unavailable("no"), Verdict.FAILS),
        (errors.Unknown("no"), Verdict.FAILS),
        (errors.AccountProblem("no"), Verdict.ACCOUNT),
        (errors.SenderRefused("no"), Verdict.SENDER),
        (errors.Throttled("no"), Verdict.PAUSE),
        (errors.CannotCarry("no"), Verdict.NOTHING),
        (errors.Unreadable("no"), Verdict.NOTHING),
        (errors.Exhausted("no"), Verdict.NOTHING),
        (errors.NotAccepted("no"), Verdict.WORKS),
        (errors.Refused("no"), Verdict.WORKS),
        (errors.RecipientsRefused("no"), Verdict.WORKS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_class_of_an_answer_says_what_it_means_for_the_provider(news: Any, verdict: Verdict) -> None:
    assert policy.verdict(news) is verdict


@pytest.mark.parametrize(
    ("verdict", "counts"), [(Verdict.WORKS, True), (Verdict.PAUSE, True), (Verdict.NOTHING, False)]
)
def test_a_slow_answer_counts_unless_it_is_none_of_the_providers(verdict: Verdict, counts: bool) -> None:
    assert policy.counts_against(verdict, 20_000) is counts
    assert not policy.counts_against(verdict, 50)


@pytest.mark.parametrize(
    ("openings", "seconds"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 600), (99, 600)]
)
def test_a_failing_provider_is_left_alone_twice_as_long_each_time(openings: int, seconds: int) -> None:
    assert policy.wait("failing", openings, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("trouble", ["account", "sender"])
def test_an_account_or_a_sender_that_cannot_send_is_left_alone_for_ten_minutes(trouble: str) -> None:
    assert policy.wait(trouble, 1, None) == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("named", "wait", "pause"),
    [(-5.0, 30, 1), (0.0, 30, 1), (42.0, 42, 42), (86_400.0, 3600, 3600), (1e30, 3600, 3600)],
)
def test_a_time_that_the_provider_names_is_kept_within_reason(named: float, wait: int, pause: int) -> None:
    assert policy.wait("failing", 1, named) == timedelta(seconds=wait)
    assert policy.pause(named) == timedelta(seconds=pause)


def test_a_pause_without_a_time_takes_some_seconds() -> None:
    assert timedelta(seconds=1) <= policy.pause(None) <= timedelta(seconds=5)


def test_the_openings_are_counted_anew_after_ten_good_minutes() -> None:
    assert policy.openings(circuit(openings=3, changed_at=NOW - timedelta(minutes=9)), NOW) == 4
    assert policy.openings(circuit(openings=3, changed_at=NOW - timedelta(minutes=11)), NOW) == 1


@pytest.mark.parametrize(
    ("circuit", "seconds"),
    [
        (circuit(), None),
        (circuit(state="out"), 30),
        (circuit(paused_until=NOW + timedelta(seconds=7)), 7),
        (circuit(paused_until=NOW - timedelta(seconds=7)), None),
        (open_circuit(), 30),
        (open_circuit(retry_at=NOW), None),
        (open_circuit(state="probing"), 3),
        (open_circuit(state="probing", retry_at=NOW), None),
        (open_circuit(trouble="account", retry_at=NOW), 60),
        (open_circuit(trouble="account", retry_at=NOW - timedelta(seconds=60)), None),
        (open_circuit(trouble="sender", retry_at=NOW + timedelta(seconds=1)), 1),
    ],
)
def test_a_circuit_says_when_it_may_be_tried(circuit: Circuit, seconds: int | None) -> None:
    refusal = policy.refusal(circuit, NOW)
    assert (refusal and round((refusal.until - NOW).total_seconds())) == seconds


def test_a_provider_that_has_just_come_back_gets_a_growing_part_of_the_emails() -> None:
    def share(age: float) -> float:
        back = circuit(openings=1, changed_at=NOW - timedelta(seconds=age))
        return sum(policy.refusal(back, NOW) is None for _ in range(4000)) / 4000

    assert 0.06 < share(0) < 0.15
    assert 0.45 < share(15) < 0.65
    assert share(31) == 1.0
    assert policy.shut(circuit(openings=1, changed_at=NOW), NOW) is None


def test_a_refusal_repeats_nothing_that_a_provider_or_a_person_has_written() -> None:
    for state in ("out", "open", "probing"):
        refusal = policy.refusal(open_circuit(state=state, reason="ann@other.example", changed_by="eve"), NOW)
        assert refusal is not None
        assert "ann" not in refusal.reason
        assert "eve" not in refusal.reason
