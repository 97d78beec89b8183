"""Claims: one process posts a message, and a process that dies loses none."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now

from delivery.models import WebhookEndpoint, WebhookMessage
from delivery.webhooks import claims
from tests.delivery.webhooks.endpoints import claimed, due_now, endpoint, message

pytestmark = pytest.mark.django_db
FIELDS = [field.attname for field in WebhookMessage._meta.concrete_fields]


def test_a_due_message_is_claimed_once() -> None:
    to = endpoint()
    message(to)

    assert [one.epoch for one in claimed(to)] == [1]
    assert claimed(to) == []


def test_a_claim_returns_the_rows_as_they_are_now() -> None:
    to = endpoint()
    message(to, data={"reason": "nö"})
    message(to)
    returned = claimed(to)

    for one in returned:
        stored = WebhookMessage.objects.get(pk=one.pk)
        assert {name: getattr(one, name) for name in FIELDS} == {
            name: getattr(stored, name) for name in FIELDS
        }
    assert len(returned) == 2


def test_what_a_dead_process_had_is_due_when_its_lease_is_over() -> None:
    to = endpoint()
    message(to)
    claimed(to)
    lease = WebhookMessage.objects.get().due_at
    due_now()

    assert lease is not None
    assert timedelta(seconds=25) < lease - datetime.now(UTC) <= claims.LEASE
    assert [one.epoch for one in claimed(to)] == [2]


def test_the_longest_due_are_claimed_and_no_more_than_asked_for() -> None:
    to = endpoint()
    due = [message(to, due_at=Now() - timedelta(seconds=age)) for age in (1, 3, 2)]

    assert {one.pk for one in claimed(to, most=2)} == {due[1].pk, due[2].pk}


def test_what_is_finished_or_not_due_yet_is_left_alone() -> None:
    to = endpoint()
    message(to, due_at=None, outcome="delivered")
    message(to, due_at=Now() + timedelta(minutes=1))

    assert (claims.endpoints(), claimed(to)) == ([], [])


def test_endpoints_that_are_off_or_deleted_are_not_asked_for() -> None:
    on, off, gone = endpoint(), endpoint(enabled=False), endpoint(deleted_at=datetime.now(UTC))
    for to in (on, off, gone):
        message(to)

    assert claims.endpoints() == [on.pk]


def test_an_endpoint_that_is_switched_off_between_is_posted_nothing() -> None:
    to = endpoint()
    message(to)
    WebhookEndpoint.objects.update(enabled=False)

    assert claimed(to) == []
    assert WebhookMessage.objects.get().outcome == "waiting"


@pytest.mark.django_db(transaction=True)
def test_threads_that_want_the_same_messages_get_each_once() -> None:
    to = endpoint()
    made = {message(to).pk for _ in range(60)}
    taken: list[UUID] = []

    def work() -> None:
        while some := claimed(to, most=7):
            taken.extend(one.pk for one in some)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken))
    assert set(taken) <= made
    assert WebhookMessage.objects.filter(epoch=0).count() == 60 - len(taken)
