"""Vendors post from many machines at once, the same events, too: each is kept once, and nobody waits in a circle."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction

from delivery.content.drafts import Draft
from delivery.events import record
from delivery.models import Attempt, Email, ProviderEvent, Recipient, SoftBounce, Suppression
from delivery.sending import attempts, transitions
from delivery.submission import emails
from providers.events import Bounce, Event, Kind
from providers.sandbox.adapter import Sandbox
from providers.ses.adapter import SES
from tests import fakes
from tests.delivery.events.told import NOON, event
from tests.delivery.factories import ANN, BOB, under_way

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


@pytest.mark.usefixtures("providers")
def test_events_of_mails_that_are_being_sent_and_their_senders_wait_in_no_circle(
    ses: fakes.FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = SES.send

    def send(self: SES, message: Any, attempt_id: str) -> Any:
        asked.append(attempt_id)
        return real(self, message, attempt_id)

    def tell(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            some = chance.sample(asked, min(len(asked), 20))
            record.record("ses", [told(each, chance.choice(("accepted", "delivered"))) for each in some])
        connection.close()

    def told(attempt: str, kind: str) -> Event:
        given = {"name": kind, "attempt": attempt, "recipient": BOB.address, "message_id": attempt}
        return Event(kind=Kind(kind), at=NOON, **given)

    def post(number: int) -> None:
        emails.send(Draft(sender=ANN, to=(BOB,), subject=str(number), text="Hi"), team=None)
        connection.close()

    monkeypatch.setattr(SES, "send", send)
    over = threading.Event()
    with ThreadPoolExecutor(THREADS + 3) as pool:
        tellers = [pool.submit(tell, seed) for seed in range(3)]
        sent = [pool.submit(post, number) for number in range(80)]
        for done in sent:
            done.result()
        over.set()
        for done in tellers:
            done.result()
    record.record("ses", [told(each, "delivered") for each in asked])
    assert set(Email.objects.values_list("status", flat=True)) == {"sent"}
    assert set(Recipient.objects.values_list("status", flat=True)) == {"delivered"}
    assert (len(asked), Attempt.objects.filter(outcome="accepted").count()) == (80, 80)


def test_an_event_of_two_emails_that_are_just_sent_again_waits_in_no_circle() -> None:
    one, two = (under_way(epoch=2, possible_duplicate=True) for _ in range(2))
    locked, waiting = threading.Event(), threading.Event()

    def settle() -> None:
        with transaction.atomic():
            transitions.prove(one.pk, by="event:delivered")
            locked.set()
            waiting.wait(1)
            transitions.prove(two.pk, by="event:delivered")
        connection.close()

    def begin() -> None:
        locked.wait(5)
        with suppress(attempts.AcceptedBefore):  # as soon as the event is written down
            attempts.begin_all([(two.email, Sandbox()), (one.email, Sandbox())])
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(settle), pool.submit(begin)]:
            done.result(20)
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"accepted"}
