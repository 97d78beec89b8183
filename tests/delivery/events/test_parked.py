"""Events that came while a restored database had lost their attempts count once the attempts are back."""

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
