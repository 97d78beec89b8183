"""What follows from events: suppressions of those alone whom the email was for, notices, circuits."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.events import record
from delivery.models import Attempt, Circuit, Recipient, Suppression, Team, WebhookMessage
from delivery.routing import circuits
from delivery.suppressions import entries
from delivery.webhooks import listeners
from providers.events import Bounce, Event, Kind, Trouble
from tests.delivery.events.told import NOON, first, tell
from tests.delivery.factories import under_way
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = pytest.mark.django_db
HARD = {"kind": "bounced", "bounce": Bounce.HARD}


def accepted() -> Attempt:
    email = {"status": "sent", "lease_until": None, "team": Team.objects.get_or_create(name="shop")[0]}
    return under_way(outcome="accepted", **email)


def suppressions() -> list[tuple[str, str, bool]]:
    return [(each.kind, each.scope, each.team_id is None) for each in Suppression.objects.all()]


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (HARD, [("hard_bounce", "all", False)]),
        ({"kind": "complained"}, [("complaint", "all", False)]),
        ({"kind": "complained", "certain": False}, []),
        ({"kind": "complained", "not_spam": True}, []),
        ({"kind": "unsubscribed"}, [("unsubscribe", "marketing", False)]),
        ({"kind": "unsubscribed", "list_name": "news"}, [("unsubscribe", "list:news", False)]),
        ({"kind": "suppressed"}, [("vendor", "all", True)]),
        ({"kind": "bounced", "bounce": Bounce.SOFT}, []),
        ({"kind": "rejected"}, []),
        ({"kind": "delivered"}, []),
    ],
)
def test_what_suppresses_an_address(event: dict[str, Any], kept: list[tuple[str, str, bool]]) -> None:
    tell(accepted(), **event)
    assert suppressions() == kept


def test_three_soft_bounces_on_three_days_suppress() -> None:
    for day in range(3):
        tell(accepted(), "bounced", bounce=Bounce.SOFT, after=day * 86_400)
    assert Suppression.objects.get().expires_at is not None


def test_an_address_that_the_email_was_not_for_is_not_suppressed() -> None:
    tell(accepted(), **HARD, recipient="victim@elsewhere.example")
    assert suppressions() == []


def test_an_event_of_an_attempt_that_is_not_known_suppresses_nobody() -> None:
    stray = Attempt(email=accepted().email, provider="ses")
    tell(stray, **HARD, recipient=Recipient.objects.get().address)
    assert suppressions() == []


def test_a_bounce_that_is_repeated_after_a_person_has_lifted_it_suppresses_nobody_again() -> None:
    attempt = accepted()
    tell(attempt, **HARD)
    entries.end(list(Suppression.objects.all()), by="anna", reason="")
    tell(attempt, **HARD)
    assert suppressions() == []


def test_a_complaint_that_is_taken_back_is_lifted() -> None:
    attempt = accepted()
    tell(attempt, "complained")
    tell(attempt, "complained", not_spam=True, after=9)
    assert suppressions() == []


def test_who_comes_back_is_let_in_again() -> None:
    attempt = accepted()
    tell(attempt, "unsubscribed")
    tell(attempt, "resubscribed", after=9)
    assert suppressions() == []


def test_who_comes_back_to_one_list_is_let_in_there_alone() -> None:
    attempt = accepted()
    for name in ("news", "offers", ""):
        tell(attempt, "unsubscribed", list_name=name, distinction=name)
    tell(attempt, "resubscribed", list_name="news", after=9)
    assert suppressions() == [("unsubscribe", "marketing", False), ("unsubscribe", "list:offers", False)]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("delivered", "email.delivered"),
        ("deferred", "email.delivery_delayed"),
        ("bounced", "email.bounced"),
        ("complained", "email.complained"),
        ("opened", "email.opened"),
        ("clicked", "email.clicked"),
        ("unsubscribed", "email.unsubscribed"),
        ("suppressed", "email.suppressed"),
        ("rejected", "email.failed"),
    ],
)
def test_webhooks_are_told_once(kind: str, told: str) -> None:
    attempt = accepted()
    endpoint(team=attempt.email.team, events=[told])
    listeners.forget()
    for _ in range(2):
        tell(attempt, kind)
    message = WebhookMessage.objects.get()
    assert (message.kind, message.at) == (told, NOON)
    assert (message.data["email_id"], message.data["recipient"]) == (
        str(attempt.email_id),
        first(attempt).address,
    )


def news(trouble: Trouble, after: float) -> Event:
    at = timezone.now() + timedelta(seconds=after)
    return Event(
        kind=Kind.ACCOUNT, name="account_status_change", at=at, trouble=trouble, distinction=trouble.value
    )


def test_news_of_the_account_open_and_close_its_circuit() -> None:
    record.record("sendgrid", [news(Trouble.ACCOUNT, 0)])
    assert Circuit.objects.get().state == "open"
    record.record("sendgrid", [news(Trouble.RESTORED, 1)])
    assert Circuit.objects.get().state == "closed"


def test_old_news_that_come_late_change_nothing() -> None:
    restored, suspended = news(Trouble.RESTORED, 1), news(Trouble.ACCOUNT, 0)
    record.record("sendgrid", [restored])
    record.record("sendgrid", [suspended])
    assert not Circuit.objects.filter(state="open").exists()


def test_what_a_person_took_out_of_service_stays_out() -> None:
    circuits.take_out("sendgrid", by="anna")
    record.record("sendgrid", [news(Trouble.RESTORED, 1)])
    assert Circuit.objects.get().state == "out"


def test_a_sender_that_a_vendor_refuses_later_is_not_offered_to_it_again() -> None:
    attempt = accepted()
    at = attempt.started_at
    event = Event(
        kind=Kind.REJECTED, name="reject/unsigned", at=at, attempt=str(attempt.pk), trouble=Trouble.SENDER
    )
    record.record("ses", [event])
    assert Circuit.objects.get().sender_domain == attempt.email.from_address
