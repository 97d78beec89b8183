"""Events of Mandrill are believed if its key has signed them for our URL, and read into our words."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from providers.events import Bounce, CannotVerify, Event, Forged, Kind, Trouble
from providers.mandrill.events import Source
from tests import tellers
from tests.providers.posts import post
from tests.tellers import Mandrill, Said

TELLER = Mandrill()
ATTEMPT = "0190a1b2-0000-7000-8000-000000000001"


def parsed(*told: Any) -> list[Event]:
    return list(Source(["mandrill"]).parse(post(TELLER.sign(told))))


def test_a_signature_for_another_url_is_a_forgery() -> None:
    with pytest.raises(Forged):
        Source(["mandrill"]).verify(post(TELLER.say(ATTEMPT, url="https://elsewhere.example/")))


def test_without_a_key_nothing_can_be_verified() -> None:
    with pytest.raises(CannotVerify):
        Source([""]).verify(post(TELLER.say(ATTEMPT)))


@pytest.mark.parametrize("keys", [[], ["mandrill"]])
def test_the_rehearsal_before_there_is_a_key_is_believed_and_tells_nothing(keys: list[str]) -> None:
    said = post(TELLER.sign([], key="test-webhook"))
    Source(keys).verify(said)
    assert Source(keys).parse(said) == []


def test_the_rehearsals_key_signs_nothing_else() -> None:
    with pytest.raises(Forged):
        Source(["mandrill"]).verify(post(TELLER.say(ATTEMPT, key="test-webhook")))


@pytest.mark.parametrize("at", [3, len("mandrill_events") + 1])
def test_a_signed_text_that_is_cut_elsewhere_is_a_forgery(at: int) -> None:
    said = TELLER.say(ATTEMPT)
    signed = "mandrill_events" + dict(parse_qsl(said.body.decode()))["mandrill_events"]
    with pytest.raises(Forged):
        Source(["mandrill"]).verify(
            post(Said(body=urlencode({signed[:at]: signed[at:]}).encode(), headers=said.headers))
        )


@pytest.mark.parametrize("body", [b"\xff", b"&&=", b"a=1&" * 200])
def test_what_is_no_form_is_a_forgery(body: bytes) -> None:
    with pytest.raises(Forged):
        Source(["mandrill"]).verify(post(Said(body=body)))


@pytest.mark.parametrize(
    ("kind", "mail", "becomes", "bounce"),
    [
        ("send", {}, Kind.ACCEPTED, Bounce.NONE),
        ("deferral", {}, Kind.DEFERRED, Bounce.NONE),
        ("delivered", {}, Kind.DELIVERED, Bounce.NONE),
        ("hard_bounce", {"diag": "550 no"}, Kind.BOUNCED, Bounce.HARD),
        ("soft_bounce", {}, Kind.BOUNCED, Bounce.SOFT),
        ("reject", {"reject": {"reason": "hard-bounce"}}, Kind.SUPPRESSED, Bounce.NONE),
        ("reject", {"reject": {"reason": "rule"}}, Kind.REJECTED, Bounce.NONE),
        ("reject", {"reject": None}, Kind.REJECTED, Bounce.NONE),
        ("spam", {}, Kind.COMPLAINED, Bounce.NONE),
        ("unsub", {}, Kind.UNSUBSCRIBED, Bounce.NONE),
        ("open", {}, Kind.OPENED, Bounce.NONE),
        ("click", {}, Kind.CLICKED, Bounce.NONE),
        ("renamed", {}, Kind.OTHER, Bounce.NONE),
    ],
)
def test_each_kind_has_its_word(kind: str, mail: dict[str, Any], becomes: Kind, bounce: Bounce) -> None:
    (event,) = parsed(TELLER.event(ATTEMPT, kind, **mail))
    assert (event.kind, event.bounce, event.attempt, event.recipient) == (
        becomes,
        bounce,
        ATTEMPT,
        tellers.ADDRESS,
    )


def test_a_refused_sender_is_news_of_the_sender() -> None:
    (event,) = parsed(TELLER.event(ATTEMPT, "reject", reject={"reason": "invalid-sender"}))
    assert event.trouble is Trouble.SENDER


def test_empty_metadata_come_as_a_list() -> None:
    assert [event.attempt for event in parsed(TELLER.event(ATTEMPT, metadata=[]))] == [""]


def test_one_event_that_cannot_be_read_does_not_hide_the_others() -> None:
    told = ({"event": "open"}, 5, TELLER.event(ATTEMPT), {"type": "blacklist", "action": "add"})
    assert [event.kind for event in parsed(*told)] == [Kind.OTHER, Kind.OTHER, Kind.DELIVERED, Kind.OTHER]
