"""Events are kept as long as their email; those of no email for a month, and one-time tokens for a day."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from delivery.db import ids
from delivery.models import Attempt, EventToken, ProviderEvent
from tests.delivery.events.told import tell
from tests.delivery.factories import under_way

pytestmark = pytest.mark.django_db


def test_an_events_email_takes_it_along() -> None:
    attempt = under_way(outcome="accepted", status="sent", lease_until=None)
    tell(attempt)
    attempt.email.delete()
    assert not ProviderEvent.objects.exists()


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_an_event_of_no_email_is_kept_for_a_month(days: int, left: int) -> None:
    then = timezone.now() - timedelta(days=days)
    ProviderEvent.objects.create(
        id=ids.at(then), key="1", account="ses", kind="other", state="parked", at=then
    )
    call_command("prune")
    assert ProviderEvent.objects.count() == left


def test_an_event_of_an_email_is_kept_with_it() -> None:
    attempt = under_way(outcome="accepted", status="sent", lease_until=None)
    tell(attempt)
    ProviderEvent.objects.update(id=ids.at(timezone.now() - timedelta(days=99)))
    call_command("prune")
    assert (ProviderEvent.objects.count(), Attempt.objects.count()) == (1, 1)


@pytest.mark.parametrize(("hours", "left"), [(23, 1), (25, 0)])
def test_a_token_is_kept_for_a_day(hours: int, left: int) -> None:
    then = timezone.now() - timedelta(hours=hours)
    EventToken.objects.create(account="mailgun", token=uuid4().hex, digest="", seen_at=then)
    call_command("prune")
    assert EventToken.objects.count() == left
