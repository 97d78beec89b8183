"""Events of Mailgun are believed if the signing key has signed their token, which belongs to its first body."""

import json
from typing import Any

import pytest

from providers.events import Bounce, CannotVerify, Event, Forged, Kind
from providers.mailgun.events import Source
from tests import tellers
from tests.providers.posts import post
from tests.tellers import Mailgun, Said

TELLER = Mailgun()
ATTEMPT = "0190a1b2-0000-7000-8000-000000000001"


def parsed(data: Any) -> list[Event]:
    return list(Source(["mailgun"]).parse(post(TELLER.sign(data))))


def test_the_account_above_may_have_signed() -> None:
    Source(["parent"]).verify(post(TELLER.sign({}, key="parent", block="parent-signature")))


def test_a_repeat_after_eight_hours_is_believed() -> None:
    Source(["mailgun"]).verify(post(TELLER.say(ATTEMPT, ago=8 * 3600)))


def test_without_a_key_nothing_can_be_verified() -> None:
    with pytest.raises(CannotVerify):
        Source([""]).verify(post(TELLER.say(ATTEMPT)))


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b'{"signature": 5}', b'{"signature": {"token": "\\ud800"}}']
)
def test_what_is_not_signed_is_a_forgery(body: bytes) -> None:
    with pytest.raises(Forged):
        Source(["mailgun"]).verify(post(Said(body=body)))


def test_a_token_is_bound_to_what_it_came_with() -> None:
    said = TELLER.say(ATTEMPT)
    same, other = json.loads(said.body), json.loads(said.body)
    other["event-data"]["recipient"] = "eve@example.org"
    source = Source(["mailgun"])
    bindings = [source.binding(post(Said(body=json.dumps(told).encode()))) for told in (same, other)]
    assert bindings[0] == source.binding(post(said))
    first, second = filter(None, bindings)
    assert (first.token == second.token, first.digest == second.digest) == (True, False)


def test_a_part_of_the_token_in_the_time_makes_no_other_token() -> None:
    said = TELLER.sign(TELLER.data(ATTEMPT), begins="e0")
    told = json.loads(said.body)
    block = told["signature"]
    block |= {"timestamp": block["timestamp"] + "e0", "token": block["token"].removeprefix("e0")}
    source, cut = Source(["mailgun"]), Said(body=json.dumps(told).encode())
    source.verify(post(cut))
    assert source.binding(post(cut)) == source.binding(post(said))


@pytest.mark.parametrize(
    ("kind", "more", "becomes", "bounce"),
    [
        ("accepted", {}, Kind.ACCEPTED, Bounce.NONE),
        ("delivered", {}, Kind.DELIVERED, Bounce.NONE),
        ("failed", {"severity": "temporary", "reason": "generic"}, Kind.DEFERRED, Bounce.NONE),
        ("failed", {"severity": "permanent", "reason": "bounce"}, Kind.BOUNCED, Bounce.HARD),
        ("failed", {"severity": "permanent", "reason": "old"}, Kind.BOUNCED, Bounce.SOFT),
        (
            "failed",
            {"severity": "permanent", "delivery-status": {"bounce-type": "hard"}},
            Kind.BOUNCED,
            Bounce.HARD,
        ),
        ("failed", {"severity": "permanent", "reason": "suppress-bounce"}, Kind.SUPPRESSED, Bounce.NONE),
        ("rejected", {"reject": {"reason": "Sandbox"}}, Kind.REJECTED, Bounce.NONE),
        ("complained", {}, Kind.COMPLAINED, Bounce.NONE),
        ("unsubscribed", {}, Kind.UNSUBSCRIBED, Bounce.NONE),
        ("opened", {}, Kind.OPENED, Bounce.NONE),
        ("clicked", {"url": "https://example.org"}, Kind.CLICKED, Bounce.NONE),
        ("renamed", {}, Kind.OTHER, Bounce.NONE),
    ],
)
def test_each_kind_has_its_word(kind: str, more: dict[str, Any], becomes: Kind, bounce: Bounce) -> None:
    (event,) = parsed(TELLER.data(ATTEMPT, kind, **more))
    assert (event.kind, event.bounce, event.attempt, event.recipient) == (
        becomes,
        bounce,
        ATTEMPT,
        tellers.ADDRESS,
    )


def test_a_mail_that_a_machine_opened_is_marked() -> None:
    assert [
        event.bot for event in parsed(TELLER.data(ATTEMPT, "opened", **{"client-info": {"bot": "gmail"}}))
    ] == [True]


@pytest.mark.parametrize("data", [None, 5, {}, {"event": "opened"}, {"event": "opened", "timestamp": "x"}])
def test_what_cannot_be_read_is_kept(data: Any) -> None:
    assert [event.kind for event in parsed(data)] == [Kind.OTHER]
