"""Events are kept once each, matched by our attempt's id and the address, and never take a recipient backwards."""

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.events import record
from delivery.events.record import Tally
from delivery.models import Attempt, EventToken, ProviderEvent, Recipient
from providers.events import Binding, Bounce, Forged, Kind
from tests.delivery.events.told import event, first, tell
from tests.delivery.factories import BOB, EVE, queued, under_way

pytestmark = pytest.mark.django_db


def accepted(**fields: object) -> Attempt:
    """Return the accepted attempt of a sent email."""
    given = {"status": "sent", "lease_until": None, "finished_at": timezone.now(), "provider": "ses"}
    attempt = under_way(outcome="accepted", **{**given, **fields})
    Recipient.objects.filter(email=attempt.email_id).update(status="accepted")
    return attempt


def test_an_event_says_what_became_of_a_recipient() -> None:
    attempt = accepted()
    assert tell(attempt, "delivered") == Tally(new=1)
    assert first(attempt).status == "delivered"


def test_a_repeat_is_the_same_event_whatever_the_vendor_calls_it() -> None:
    attempt = accepted()
    tell(attempt, "delivered", vendor_id="a")
    assert tell(attempt, "delivered", vendor_id="b") == Tally(new=0, repeated=1)


def test_a_post_of_several_events_asks_for_no_email_by_itself() -> None:
    told = [event(accepted()) for _ in range(6)]
    with CaptureQueriesContext(connection) as captured:
        record.record("ses", told)
    asked = [query["sql"] for query in captured.captured_queries]
    assert sum(sql.startswith('SELECT "delivery_email"."id"') for sql in asked) <= 1


def test_two_alike_in_one_post_are_one() -> None:
    attempt = accepted()
    assert record.record("ses", [event(attempt), event(attempt)]) == Tally(new=1, repeated=1)


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (("accepted", "deferred"), "deferred"),
        (("delivered", "deferred"), "delivered"),
        (("delivered", "bounced"), "bounced"),
        (("bounced", "delivered"), "bounced"),
        (("complained", "delivered", "bounced"), "complained"),
        (("suppressed", "accepted"), "suppressed"),
        (("opened", "clicked"), "accepted"),
    ],
)
def test_a_recipient_never_goes_backwards(kinds: tuple[str, ...], shown: str) -> None:
    attempt = accepted()
    for kind in kinds:
        tell(attempt, kind)
    assert first(attempt).status == shown


def test_of_several_attempts_the_best_is_shown() -> None:
    attempt = accepted()
    other = Attempt.objects.create(email=attempt.email, provider="sendgrid", epoch=2, outcome="accepted")
    tell(other, "delivered")
    tell(attempt, "bounced", after=9)
    assert first(attempt).status == "delivered"


def test_a_bounce_of_one_attempt_does_not_hide_that_another_was_accepted() -> None:
    attempt = accepted()
    Attempt.objects.create(email=attempt.email, provider="sendgrid", epoch=2, outcome="accepted")
    tell(attempt, "bounced")
    assert first(attempt).status == "accepted"


@pytest.mark.slow
def test_a_thousand_events_five_times_in_any_order_are_what_they_are_once_in_order() -> None:
    attempts = [accepted() for _ in range(100)]
    kinds = list(Kind)[:10]
    events = [event(each, kind, after=number) for each in attempts for number, kind in enumerate(kinds)]
    shuffled = events * 5
    random.Random(5).shuffle(shuffled)
    for start in range(0, len(shuffled), 97):
        record.record("ses", shuffled[start : start + 97])
    assert ProviderEvent.objects.count() == 1000
    assert set(Recipient.objects.values_list("status", flat=True)) == {"complained"}


def test_an_unknown_attempt_is_parked() -> None:
    stranger = event(Attempt(), recipient="bob@example.org")
    assert record.record("ses", [stranger]) == Tally(new=1, parked=1)


def test_an_attempt_at_another_provider_changes_nothing_and_is_kept() -> None:
    attempt = accepted()
    assert record.record("sendgrid", [event(attempt, "bounced")]) == Tally(new=1, other=1)
    assert first(attempt).status == "accepted"


def test_an_address_in_other_letters_is_the_same_address() -> None:
    attempt = accepted()
    tell(attempt, recipient=first(attempt).address.upper())
    assert first(attempt).status == "delivered"


def test_a_forwarded_address_means_the_only_recipient() -> None:
    attempt = accepted()
    tell(attempt, "bounced", recipient="somebody@elsewhere.example")
    assert first(attempt).status == "bounced"


def test_of_several_recipients_only_the_one_that_is_named_has_bounced() -> None:
    attempt = accepted()
    Recipient.objects.create(
        email=attempt.email, address=EVE.address, canonical=EVE.address, status="accepted"
    )
    tell(attempt, "bounced", recipient=EVE.address)
    tell(attempt, "bounced", recipient="somebody@elsewhere.example")
    found = dict(Recipient.objects.values_list("canonical", "status"))
    assert found == {BOB.address: "accepted", EVE.address: "bounced"}


def test_a_guessed_recipient_is_left_as_it_is() -> None:
    attempt = accepted()
    tell(attempt, "complained", certain=False)
    assert first(attempt).status == "accepted"


def test_what_no_database_stores_is_replaced() -> None:
    attempt = accepted()
    tell(attempt, "bounced", reason="a\x00b\ud800", raw={"a\x00": ["\ud800", {"b": "\x00"}]})
    kept = ProviderEvent.objects.get()
    assert (kept.reason, kept.raw) == ("ab?", {"a": ["?", {"b": ""}]})


def test_a_token_belongs_to_its_first_body() -> None:
    attempt = accepted()
    mine, another = Binding(token="t", digest="1" * 64), Binding(token="t", digest="2" * 64)
    record.record("mailgun", [event(attempt)], bindings=[mine])
    record.record("mailgun", [event(attempt)], bindings=[mine])
    with pytest.raises(Forged):
        record.record("mailgun", [event(attempt, "bounced")], bindings=[another])
    assert ProviderEvent.objects.count() == EventToken.objects.count() == 1


def test_nothing_is_asked_of_an_email_that_waits() -> None:
    assert record.record("ses", []) == Tally(new=0)
    assert queued().status == "queued"


def test_an_event_is_kept_as_the_orm_would_keep_it() -> None:
    tell(
        attempt := accepted(),
        "bounced",
        bounce=Bounce.HARD,
        code="5.1.1",
        reason="100 % of 'it'",
        raw={"a": [1, "%s"]},
    )
    kept = ProviderEvent.objects.get()
    expected = (
        attempt.email_id,
        attempt.pk,
        first(attempt).address,
        "hard",
        "5.1.1",
        "100 % of 'it'",
        {"a": [1, "%s"]},
    )
    assert (
        kept.email_id,
        kept.attempt,
        kept.recipient,
        kept.bounce,
        kept.code,
        kept.reason,
        kept.raw,
    ) == expected
    assert abs(timezone.now() - kept.received_at) < timedelta(seconds=9)
