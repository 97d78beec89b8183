"""Replays: of one message and of a range, under the same ids."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.models import WebhookMessage
from delivery.webhooks import replays
from delivery.webhooks.endpoints import SwitchedOff
from tests.delivery.webhooks.endpoints import endpoint, message

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OVER = {"due_at": None, "outcome": "failed", "tries": 10}


def waiting() -> set[object]:
    return set(WebhookMessage.objects.filter(outcome="waiting").values_list("pk", flat=True))


def test_a_message_is_told_again_under_its_id_from_its_first_try_on() -> None:
    to = endpoint()
    told = message(to, **OVER)
    message(to, **OVER)

    assert replays.replay(to, [told.pk]) == 1
    told.refresh_from_db()
    assert (told.outcome, told.tries, told.finished_at) == ("waiting", 0, None)
    assert told.due_at is not None
    assert waiting() == {told.pk}


def test_a_range_includes_its_beginning_and_not_its_end() -> None:
    to = endpoint()
    told = [message(to, at=NOON + hours * HOUR, **OVER) for hours in (-1, 0, 1, 2)]

    assert replays.replay_range(to, NOON, NOON + 2 * HOUR) == 2
    assert waiting() == {told[1].pk, told[2].pk}


def test_of_a_range_some_kinds_may_be_asked_for() -> None:
    to = endpoint()
    message(to, at=NOON, **OVER)
    bounced = message(to, at=NOON, kind="email.bounced", **OVER)

    assert replays.replay_range(to, NOON, NOON + HOUR, ["email.bounced"]) == 1
    assert waiting() == {bounced.pk}


def test_a_long_range_is_replayed_in_short_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "_AT_ONCE", 3)
    to = endpoint()
    for _ in range(10):
        message(to, at=NOON, **OVER)

    assert replays.replay_range(to, NOON, NOON + HOUR) == 10


def test_another_endpoints_messages_are_not_replayed() -> None:
    to, theirs = endpoint(), endpoint()
    told = message(theirs, at=NOON, **OVER)

    assert (replays.replay(to, [told.pk]), replays.replay_range(to, NOON, NOON + HOUR)) == (0, 0)


def test_to_an_endpoint_that_is_off_nothing_is_replayed() -> None:
    to = endpoint(enabled=False)
    message(to, at=NOON, **OVER)
    with pytest.raises(SwitchedOff):
        replays.replay_range(to, NOON, NOON + HOUR)
