"""Vendors post from many machines at once, the same events, too: each is kept once, and nobody waits in a circle."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from delivery.events import record
from delivery.models import Attempt, Email, ProviderEvent, Recipient, SoftBounce, Suppression
from providers.events import Bounce, Event
from tests.delivery.events.told import event
from tests.delivery.factories import under_way

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def unknown() -> Attempt:
    return under_way(outcome="unknown", status="unknown", lease_until=None)


def sent_to(address: str) -> Attempt:
    attempt = under_way(outcome="accepted", status="sent", lease_until=None)
    Recipient.objects.filter(email=attempt.email_id).update(address=address, canonical=address)
    return attempt


def at_once(events: list[Event], *, share: bool) -> None:
    """Post all events from each thread in an order of its own; `share`: threads share transactions, as in a process."""

    def post(seed: int) -> None:
        mine = list(events)
        random.Random(seed).shuffle(mine)
        for start in range(0, len(mine), 25):
            part = record._Post(account="ses", events=mine[start : start + 25], bindings=())
            record._recorded.ask(part) if share else record._record([part])
        connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(post, seed) for seed in range(THREADS)]:
            done.result()


@pytest.mark.parametrize("share", [True, False])
def test_the_same_events_from_everywhere_are_kept_once(share: bool) -> None:
    attempts = [unknown() for _ in range(40)]
    kinds = ("accepted", "deferred", "delivered", "opened")
    events = [event(each, kind, after=number) for each in attempts for number, kind in enumerate(kinds)]
    events += [event(each, "bounced", bounce=Bounce.HARD, after=9) for each in attempts]
    at_once(events, share=share)
    assert ProviderEvent.objects.count() == 200
    assert set(Recipient.objects.values_list("status", flat=True)) == {"bounced"}
    assert set(Email.objects.values_list("status", flat=True)) == {"sent"}
    assert Suppression.objects.get().count == 40


def test_bounces_of_the_same_addresses_in_any_order_keep_nobody_waiting_in_a_circle() -> None:
    addresses = [f"{number}@example.org" for number in range(15)]
    posts = [[sent_to(address) for address in addresses] for _ in range(5)]

    def post(attempts: list[Attempt]) -> None:
        random.Random(attempts[0].pk.int).shuffle(attempts)
        told = [event(each, "bounced", bounce=Bounce.SOFT) for each in attempts]
        record._record([record._Post(account="ses", events=told, bindings=())])
        connection.close()

    with ThreadPoolExecutor(len(posts)) as pool:
        for done in [pool.submit(post, attempts) for attempts in posts]:
            done.result()
    assert SoftBounce.objects.count() == len(addresses)
