"""People see what became of an email, and what vendors told, as it came."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from delivery.models import Attempt, ProviderEvent
from delivery.sending import unknown
from tests.delivery.admin.pages import text
from tests.delivery.events.told import event, tell
from tests.delivery.factories import under_way

pytestmark = pytest.mark.django_db
LOG, EVENTS = reverse("admin:delivery_email_changelist"), reverse("admin:delivery_providerevent_changelist")


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def accepted() -> Attempt:
    attempt = under_way(outcome="accepted", status="sent", provider="ses", lease_until=None)
    type(attempt.email).objects.update(provider="ses")
    attempt.email.recipients.update(status="accepted")
    return attempt


def page_of(attempt: Attempt) -> str:
    return reverse("admin:delivery_email_change", args=[attempt.email_id])


def test_an_acceptance_is_called_one_until_an_event_says_more(admin: Client) -> None:
    attempt = accepted()
    for path in (LOG, page_of(attempt)):
        assert "Accepted by ses" in text(admin.get(path))
    tell(attempt, "bounced", reason="550 no such user")
    for path in (LOG, page_of(attempt)):
        shown = text(admin.get(path))
        assert "Bounced" in shown
        assert "Accepted by ses" not in shown


def test_recipients_that_fared_differently_are_looked_at_one_by_one(admin: Client) -> None:
    attempt = accepted()
    attempt.email.recipients.create(
        kind="to", address="eve@example.org", canonical="eve@example.org", status="accepted"
    )
    tell(attempt, "delivered")
    assert "See recipients" in text(admin.get(LOG))


def test_the_timeline_has_attempts_events_and_people(admin: Client) -> None:
    attempt = under_way(outcome="unknown", status="unknown", lease_until=None)
    unknown.confirm(attempt.email, by="anna")
    tell(attempt, "opened", bot=True)
    tell(attempt, "complained", certain=False)
    shown = text(admin.get(page_of(attempt)))
    for word in ("taken on", "offered", "settled", "by anna", "by a machine", "the vendor is not certain"):
        assert word in shown


def test_events_are_listed_and_shown_as_they_came(admin: Client) -> None:
    attempt = accepted()
    tell(
        attempt,
        "bounced",
        reason="<b>550</b>",
        raw={"event": "bounce", "html": "</pre><script>alert(1)</script>"},
    )
    assert "&lt;b&gt;550" in text(admin.get(EVENTS))
    page = admin.get(reverse("admin:delivery_providerevent_change", args=[ProviderEvent.objects.get().pk]))
    assert "&quot;event&quot;: &quot;bounce&quot;" in text(page)
    assert "<script>alert(1)" not in page.content.decode()


def test_events_are_found_by_their_email_or_their_id(admin: Client) -> None:
    attempt, other = accepted(), accepted()
    tell(attempt, "delivered")
    tell(other, "bounced")
    for term in (attempt.email_id, ProviderEvent.objects.get(email=attempt.email_id).pk):
        answer = admin.get(EVENTS, {"q": str(term)})
        assert [row.kind for row in answer.context["cl"].result_list] == ["delivered"]
    assert list(admin.get(EVENTS, {"q": "no id"}).context["cl"].result_list) == []


def test_parked_events_are_found(admin: Client) -> None:
    tell(accepted(), "delivered")
    tell(Attempt(email=accepted().email, provider="ses"), "bounced", recipient="bob@example.org")
    answer = admin.get(EVENTS, {"what": "parked"})
    assert [row.kind for row in answer.context["cl"].result_list] == ["bounced"]


@pytest.mark.parametrize("change", ["add", "change", "delete"])
def test_nobody_changes_an_event(admin: Client, change: str) -> None:
    tell(accepted(), "delivered")
    args: Any = [] if change == "add" else [ProviderEvent.objects.get().pk]
    assert (
        admin.post(reverse(f"admin:delivery_providerevent_{change}", args=args), {"kind": "x"}).status_code
        == 403
    )
    assert ProviderEvent.objects.get().kind == "delivered"


def test_a_long_log_of_events_costs_few_statements(admin: Client, django_assert_max_num_queries: Any) -> None:
    attempt = accepted()
    for number in range(60):
        tell(attempt, "opened", after=number)
    with django_assert_max_num_queries(8):
        assert len(admin.get(EVENTS).context["cl"].result_list) == 50
    assert event(attempt)
