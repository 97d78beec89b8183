"""What webhooks are told of an email's way, each in the transaction that made it true."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.content.drafts import Draft
from delivery.models import Attempt, Email, WebhookMessage
from delivery.recovery import rescue
from delivery.sending import attempts, outcomes, rounds, transitions, unknown
from delivery.submission import emails
from delivery.webhooks import listeners
from providers.message import Mailbox, Receipt
from tests import fakes
from tests.delivery.factories import queued, under_way
from tests.delivery.webhooks.endpoints import endpoint
from tests.providers.fault_server import reset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
ME, BOB = Mailbox(address="me@example.org"), Mailbox(address="bob@example.com")


def send(**changes: Any) -> Email:
    return emails.send(Draft(sender=ME, to=(BOB,), subject="Hello", text="Hi", **changes), team=None)


def told() -> list[tuple[str, str]]:
    rows = WebhookMessage.objects.order_by("pk").values_list("kind", "data__status")
    return list(rows)


def test_an_accepted_email_is_told_of_with_its_provider() -> None:
    endpoint()
    email = send()

    message = WebhookMessage.objects.get()
    assert message.kind == "email.sent"
    expected = {"email_id": str(email.pk), "status": "sent", "provider": "ses", "reason": ""}
    assert message.data == expected


def test_a_refused_email_is_told_of_with_the_reason(ses: fakes.FakeVendor) -> None:
    endpoint()
    ses.default = fakes.SES_BAD_MESSAGE
    send()

    message = WebhookMessage.objects.get()
    assert (message.kind, message.data["status"]) == ("email.failed", "failed")
    assert "Invalid content" in message.data["reason"]


def test_an_email_that_waits_for_a_provider_is_not_told_of(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    endpoint(events=["email.sent", "email.failed", "email.unknown"])
    ses.default, sendgrid.default = fakes.SES_FAILING, fakes.SENDGRID_DOWN
    assert send().status == "queued"

    assert told() == []


def test_a_doubt_and_its_end_are_told_of(ses: fakes.FakeVendor) -> None:
    endpoint()
    ses.default = reset()
    email = send(on_ambiguous="stop")
    unknown.confirm(email, by="anna")

    assert told() == [("email.unknown", "unknown"), ("email.settled", "sent")]


def test_an_email_of_which_a_person_says_that_it_was_not_sent_is_settled_and_then_sent(
    ses: fakes.FakeVendor,
) -> None:
    endpoint()
    ses.script(reset())
    email = send(on_ambiguous="stop")
    unknown.deny(email, by="anna")
    rounds.dispatch(email.pk)

    assert told() == [("email.unknown", "unknown"), ("email.settled", "queued"), ("email.sent", "sent")]


def test_a_late_acceptance_settles() -> None:
    endpoint()
    attempt = under_way()
    email = attempt.email
    Email.objects.filter(pk=email.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    rescue.run()
    attempt.outcome = Attempt.Outcome.ACCEPTED
    transitions.record(email, outcomes.sent(Receipt(provider="ses", message_id="1")), attempt)

    assert told() == [("email.unknown", "unknown"), ("email.settled", "sent")]


def test_an_email_whose_deadline_passes_is_told_of() -> None:
    endpoint()
    queued(expires_at=timezone.now() - timedelta(seconds=1))
    rescue.run()
    rescue.run()

    assert told() == [("email.expired", "expired")]


def accepted(several: int) -> list[Any]:
    parts = []
    for _ in range(several):
        attempt = under_way()
        attempt.outcome = Attempt.Outcome.ACCEPTED
        parts.append((attempt.email, outcomes.sent(Receipt(provider="ses", message_id="1")), attempt))
    return parts


def test_emails_that_are_written_together_are_told_of_each() -> None:
    endpoint()
    parts = accepted(30)
    transitions.record_plain(parts)

    assert {message.data["email_id"] for message in WebhookMessage.objects.all()} == {
        str(email.pk) for email, _, _ in parts
    }
    assert set(told()) == {("email.sent", "sent")}


def test_a_group_that_is_rolled_back_tells_nothing() -> None:
    endpoint()
    parts = accepted(3)
    Email.objects.filter(pk=parts[-1][0].pk).update(epoch=7)
    with pytest.raises(attempts.ClaimLost):
        transitions.record_plain(parts)

    assert told() == []


@pytest.fixture
def statements() -> Callable[[Callable[[], Any]], list[str]]:
    """Return the statements of an action, with the listeners known already."""

    def of(action: Callable[[], Any]) -> list[str]:
        listeners.of("email.sent", None)
        with CaptureQueriesContext(connection) as captured:
            action()
        return [query["sql"] for query in captured]

    return of


@pytest.mark.parametrize("several", [1, 30])
def test_where_nobody_listens_an_email_costs_no_statement_more(statements: Any, several: int) -> None:
    endpoint(events=["email.bounced"])
    parts = accepted(several)

    assert [sql for sql in statements(lambda: transitions.record_plain(parts)) if "webhook" in sql] == []


def test_where_somebody_listens_a_group_costs_one_statement_more(statements: Any) -> None:
    endpoint()
    parts = accepted(15)

    assert len([sql for sql in statements(lambda: transitions.record_plain(parts)) if "webhook" in sql]) == 1
