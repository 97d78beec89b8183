"""What the console says is so: since when, how often, and in which zone."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from delivery.models import Attempt, Circuit, CircuitChange
from delivery.monitoring import provider_status
from tests.delivery.admin.pages import LIST, page, text
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


@pytest.mark.parametrize(
    ("outcomes", "twice"),
    [
        (("unknown", "accepted"), True),
        (("unknown", "unknown"), True),
        (("unknown", "refused"), False),
        (("not_sent", "accepted"), False),
    ],
)
def test_twice_is_said_only_of_what_may_have_been_taken_twice(
    anna: Client, outcomes: tuple[str, str], twice: bool
) -> None:
    email = written(possible_duplicate=True, status="sent")
    for outcome in outcomes:
        Attempt.objects.create(email=email, provider="ses", epoch=1, outcome=outcome)
    assert ("recipients may have got it twice" in text(anna.get(page(email)))) is twice
    (shown,) = anna.get(LIST).context["cl"].result_list
    assert (shown.perhaps_taken > 1) is twice


def test_since_is_when_the_trouble_began_not_the_last_probe() -> None:
    now = timezone.now()
    circuit = Circuit.objects.create(provider="ses", state="open", changed_at=now)
    for state, hours in (("open", 9), ("closed", 8), ("open", 5), ("probing", 4), ("open", 3), ("open", 0)):
        CircuitChange.objects.create(circuit=circuit, state=state, at=now - timedelta(hours=hours))
    assert provider_status.began(circuit) == now - timedelta(hours=5)
    circuit.state = "closed"
    assert provider_status.began(circuit) == now


def test_times_carry_their_zone(anna: Client, settings: Any) -> None:
    settings.PEOPLES_TIME_ZONE = "Asia/Tokyo"
    email = written()
    assert " JST just now" in text(anna.get(page(email)))
