"""Events that came while a restored database had lost their attempts count once the attempts are back."""

from typing import Any

import pytest
from django.core.management import call_command

from delivery.events import parked
from delivery.models import Attempt, ProviderEvent, Suppression
from providers.events import Bounce
from tests.delivery.events.told import first, tell
from tests.delivery.factories import under_way

pytestmark = pytest.mark.django_db


def lost(*kinds: str) -> Attempt:
    """Return an attempt that was lost when these events came, and is in doubt since."""
    attempt = under_way(outcome="unknown", status="unknown", lease_until=None)
    Attempt.objects.all().delete()
    for kind in kinds:
        tell(attempt, kind, bounce=Bounce.HARD if kind == "bounced" else Bounce.NONE)
    attempt.save(force_insert=True)
    return attempt


def test_a_parked_event_settles_its_attempt_when_it_is_back() -> None:
    attempt = lost("accepted", "bounced")
    assert parked.apply() == 2
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.email.status, first(attempt).status) == ("accepted", "sent", "bounced")
    assert Suppression.objects.get().kind == "hard_bounce"
    assert set(ProviderEvent.objects.values_list("state", "email")) == {("applied", attempt.email_id)}


def lost_events(*events: tuple[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the suppressions by events that came while their attempt was lost."""
    attempt = under_way(outcome="accepted", status="sent", lease_until=None)
    Attempt.objects.all().delete()
    for second, (kind, fields) in enumerate(events):
        tell(attempt, kind, after=second, **fields)
    attempt.save(force_insert=True)
    parked.apply()
    return sorted(Suppression.objects.values_list("kind", "scope"))


def test_who_left_one_list_meanwhile_has_left_that_one() -> None:
    left = [("unsubscribed", {"list_name": name, "distinction": name}) for name in ("news", "offers")]
    assert lost_events(*left) == [("unsubscribe", "list:news"), ("unsubscribe", "list:offers")]


def test_who_came_back_to_one_list_meanwhile_is_let_in_there_alone() -> None:
    left = [("unsubscribed", {"list_name": name, "distinction": name}) for name in ("news", "offers")]
    back = ("resubscribed", {"list_name": "news"})
    assert lost_events(*left, back) == [("unsubscribe", "list:offers")]


def test_a_complaint_that_was_taken_back_meanwhile_is_none() -> None:
    back = {"not_spam": True, "distinction": "not-spam"}
    assert lost_events(("complained", {}), ("complained", back)) == []


def test_a_guess_that_a_complaint_was_taken_back_lifts_none() -> None:
    guess = {"not_spam": True, "certain": False, "distinction": "not-spam"}
    assert lost_events(("complained", {}), ("complained", guess)) == [("complaint", "all")]


def test_it_is_applied_once() -> None:
    lost("bounced")
    assert [parked.apply(), parked.apply()] == [1, 0]
    assert Suppression.objects.get().count == 1


def test_what_is_still_not_known_stays_parked() -> None:
    tell(Attempt(email=under_way().email, provider="ses"), "bounced", recipient="bob@example.org")
    assert parked.apply() == 0
    assert ProviderEvent.objects.get().state == "parked"


def test_the_command_after_a_restore_applies_them(capsys: pytest.CaptureFixture[str]) -> None:
    attempt = lost("delivered")
    call_command("after_restore")
    assert "count now: 1" in capsys.readouterr().out
    assert first(attempt).status == "delivered"
