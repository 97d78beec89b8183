"""Events of SendGrid are believed if one of its keys has signed them, and read into our words."""

import json
from typing import Any

import pytest

from providers.events import Bounce, CannotVerify, Event, Forged, Kind, Trouble
from providers.sendgrid.events import Source
from tests import tellers
from tests.providers.posts import post
from tests.tellers import SendGrid

TELLER = SendGrid()
ATTEMPT = "0190a1b2-0000-7000-8000-000000000001"


def parsed(*told: Any) -> list[Event]:
    return list(Source([]).parse(post(TELLER.sign(json.dumps(told).encode()))))


def test_any_of_two_keys_is_believed_while_they_are_rotated() -> None:
    source = Source([tellers.public("old"), tellers.public("new")])
    source.verify(post(TELLER.say(ATTEMPT, key="old")))
    source.verify(post(TELLER.say(ATTEMPT, key="new")))


@pytest.mark.parametrize("keys", [[], [""], ["no key"], ["aGVsbG8="]])
def test_without_a_key_nothing_can_be_verified(keys: list[str]) -> None:
    with pytest.raises(CannotVerify):
        Source(keys).verify(post(TELLER.say(ATTEMPT)))


def test_a_repeat_after_a_day_is_believed() -> None:
    Source([tellers.public("sendgrid")]).verify(post(TELLER.say(ATTEMPT, ago=24 * 3600)))


def test_the_time_is_signed() -> None:
    said = TELLER.say(ATTEMPT)
    said.headers[SendGrid.TIME] += "1"
    with pytest.raises(Forged):
        Source([tellers.public("sendgrid")]).verify(post(said))


@pytest.mark.parametrize(
    ("kind", "more", "becomes", "bounce"),
    [
        ("processed", {}, Kind.ACCEPTED, Bounce.NONE),
        ("deferred", {"attempt": "1"}, Kind.DEFERRED, Bounce.NONE),
        ("delivered", {}, Kind.DELIVERED, Bounce.NONE),
        ("bounce", {"type": "bounce"}, Kind.BOUNCED, Bounce.HARD),
        ("bounce", {"type": "blocked"}, Kind.BOUNCED, Bounce.SOFT),
        ("dropped", {"reason": "Bounced Address"}, Kind.SUPPRESSED, Bounce.NONE),
        ("dropped", {"reason": "Invalid SMTPAPI header"}, Kind.REJECTED, Bounce.NONE),
        ("dropped", {"reason": "Spam Content (if Spam Checker app is enabled)"}, Kind.REJECTED, Bounce.NONE),
        ("spamreport", {}, Kind.COMPLAINED, Bounce.NONE),
        ("unsubscribe", {}, Kind.UNSUBSCRIBED, Bounce.NONE),
        ("group_unsubscribe", {"asm_group_id": 5}, Kind.UNSUBSCRIBED, Bounce.NONE),
        ("group_resubscribe", {"asm_group_id": 5}, Kind.RESUBSCRIBED, Bounce.NONE),
        ("open", {}, Kind.OPENED, Bounce.NONE),
        ("click", {"url": "https://example.org"}, Kind.CLICKED, Bounce.NONE),
        ("renamed", {}, Kind.OTHER, Bounce.NONE),
    ],
)
def test_each_kind_has_its_word(kind: str, more: dict[str, Any], becomes: Kind, bounce: Bounce) -> None:
    (event,) = parsed(TELLER.event(ATTEMPT, kind, **more))
    assert (event.kind, event.bounce, event.attempt, event.recipient) == (
        becomes,
        bounce,
        ATTEMPT,
        tellers.ADDRESS,
    )


def test_a_mail_that_a_machine_opened_is_marked() -> None:
    assert [event.bot for event in parsed(TELLER.event(ATTEMPT, "open", sg_machine_open=True))] == [True]


@pytest.mark.parametrize(
    ("news", "trouble"),
    [("compliance_suspend", Trouble.ACCOUNT), ("reactivate", Trouble.RESTORED), ("renamed", Trouble.NONE)],
)
def test_news_of_the_account_name_no_recipient(news: str, trouble: Trouble) -> None:
    (event,) = parsed({"event": "account_status_change", "type": news, "timestamp": 1_764_300_000})
    assert (event.kind, event.trouble, event.recipient) == (Kind.ACCOUNT, trouble, "")


def test_one_event_that_cannot_be_read_does_not_hide_the_others() -> None:
    kinds = [event.kind for event in parsed({"event": "open"}, 5, TELLER.event(ATTEMPT), {"timestamp": "x"})]
    assert kinds == [Kind.OTHER, Kind.OTHER, Kind.DELIVERED, Kind.OTHER]
