"""The outbox: who is told what, in whose transaction, and that it costs nothing where nobody listens."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from delivery.models import Team, WebhookEndpoint, WebhookMessage
from delivery.webhooks import listeners, outbox
from delivery.webhooks.outbox import Notice
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = pytest.mark.django_db


def sent(team_id: int | None = None, **data: Any) -> Notice:
    return Notice(kind="email.sent", team_id=team_id, data={"email_id": uuid4(), **data})


def told() -> list[tuple[Any, str]]:
    return list(WebhookMessage.objects.order_by("pk").values_list("endpoint", "kind"))


def test_an_endpoint_is_told_of_what_it_listens_to_and_of_nothing_else() -> None:
    sales = endpoint(events=["email.sent"])
    endpoint(events=["email.failed"])
    every = endpoint()

    outbox.enqueue([sent()])

    assert told() == [(sales.pk, "email.sent"), (every.pk, "email.sent")]


def test_a_team_is_told_of_its_own_emails_and_of_nobody_elses() -> None:
    ours, theirs = (Team.objects.create(name=name) for name in ("ours", "theirs"))
    one = endpoint(team=ours)
    endpoint(team=theirs)
    endpoint()

    outbox.enqueue([sent(ours.pk)])

    assert told() == [(one.pk, "email.sent")]


def test_every_team_is_told_of_a_provider() -> None:
    one, other = endpoint(team=Team.objects.create(name="ours")), endpoint()

    outbox.enqueue([Notice(kind="provider.unavailable", team_id=None, data={"provider": "ses"})])

    assert {pk for pk, _ in told()} == {one.pk, other.pk}


def test_an_endpoint_that_is_off_or_deleted_is_told_nothing() -> None:
    endpoint(enabled=False)
    endpoint(deleted_at=datetime.now(UTC))

    outbox.enqueue([sent()])

    assert told() == []


def test_what_is_told_is_due_at_once_and_says_when_it_happened() -> None:
    endpoint()
    then = datetime(2026, 11, 28, 12, tzinfo=UTC)

    outbox.enqueue([Notice(kind="email.bounced", team_id=None, data={"recipient": "a@b.c"}, at=then)])

    message = WebhookMessage.objects.get()
    assert (message.at, message.data, message.outcome) == (then, {"recipient": "a@b.c"}, "waiting")
    assert message.due_at is not None


def test_what_is_rolled_back_is_not_told() -> None:
    endpoint()
    with transaction.atomic():
        outbox.enqueue([sent()])
        transaction.set_rollback(True)

    assert told() == []


@pytest.mark.parametrize("count", [1, 20, 21, 200])
def test_any_number_is_written_in_one_statement(count: int, django_assert_max_num_queries: Any) -> None:
    endpoint()
    listeners.of("email.sent", None)  # known from now on for a second
    with django_assert_max_num_queries(3):  # SQLite: bulk_create opens a savepoint of its own
        outbox.enqueue([sent() for _ in range(count)])

    assert WebhookMessage.objects.count() == count


def test_where_nobody_listens_it_costs_no_statement(django_assert_num_queries: Any) -> None:
    endpoint(events=["email.failed"])
    listeners.of("email.sent", None)
    with django_assert_num_queries(0):
        outbox.enqueue([sent() for _ in range(50)])


def test_an_endpoint_of_another_process_is_told_within_a_second(monkeypatch: Any) -> None:
    outbox.enqueue([sent()])
    WebhookEndpoint.objects.create(url="https://hooks.example.org/", secret="whsec_")
    monkeypatch.setattr(listeners._reader, "_fresh_until", 0.0)  # a second has passed

    outbox.enqueue([sent()])

    assert len(told()) == 1


def test_a_vendors_strange_words_do_not_fail_the_transaction() -> None:
    endpoint()
    outbox.enqueue([sent(reason="nul \x00, half a pair \ud800", details={"x\x00": ["\x00"]})])

    data = WebhookMessage.objects.get().data
    assert (data["reason"], data["details"]) == ("nul , half a pair ?", {"x": [""]})
