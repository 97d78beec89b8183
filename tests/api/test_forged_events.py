"""The forgery matrix: each forgery at each vendor gets the status that makes it give up, and changes nothing."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from delivery.models import Attempt, EventToken, ProviderEvent, Recipient, Suppression
from providers.ses.certificates import Certificates
from tests import tellers
from tests.api.doors import accepted, posted
from tests.tellers import NAMES, TELLERS, Mailgun, Mandrill, Said, SendGrid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("vendors")]
FORGED = {name: TELLERS[name].forged for name in NAMES}
HOUR = 3600
STALE = {"ses": 71 * 60, "sendgrid": 25 * HOUR, "mailgun": 9 * HOUR}  # seconds; Mandrill signs no time
LAST = {"ses": 69 * 60, "sendgrid": 24 * HOUR, "mailgun": 8 * HOUR}
Forge = Callable[[str, str], Said]


def said(account: str, attempt: str, **how: Any) -> Said:
    said: Said = TELLERS[account].say(attempt, **how)
    return said


def with_signature(account: str, attempt: str, change: Callable[[str], str | None]) -> Said:
    """Return a post whose signature is changed; None leaves it out."""
    told = said(account, attempt)
    if account in {"sendgrid", "mandrill"}:
        name = SendGrid.SIGNATURE if account == "sendgrid" else "x-mandrill-signature"
        changed = change(told.headers.pop(name))
        told.headers |= {} if changed is None else {name: changed}
        return told
    body = json.loads(told.body)
    block, name = (body, "Signature") if account == "ses" else (body["signature"], "signature")
    changed = change(block.pop(name))
    block |= {} if changed is None else {name: changed}
    return Said(body=json.dumps(body).encode(), headers=told.headers)


def flipped(account: str, attempt: str) -> Said:
    """Return a post of which one byte is another: of the body, or at Mailgun of what is signed of it."""
    told = said(account, attempt)
    place = told.body.index(b'"token": "') + 12 if account == "mailgun" else told.body.index(b"bob") + 1
    byte = b"0" if told.body[place : place + 1] != b"0" else b"1"
    return Said(body=told.body[:place] + byte + told.body[place + 1 :], headers=told.headers)


MATRIX: Mapping[str, Forge] = {
    "no signature": lambda account, attempt: with_signature(account, attempt, lambda _: None),
    "an empty one": lambda account, attempt: with_signature(account, attempt, lambda _: ""),
    "a wrong one": lambda account, attempt: with_signature(
        account, attempt, lambda text: "A" + text[1:-4] + "AAA="
    ),
    "a truncated one": lambda account, attempt: with_signature(
        account, attempt, lambda text: text[: len(text) // 2]
    ),
    "another key": lambda account, attempt: said(account, attempt, key="eve"),
    "a byte flipped": flipped,
    "no body": lambda account, attempt: Said(body=b"", headers=said(account, attempt).headers),
    "nothing at all": lambda account, attempt: Said(body=b""),
}


def assert_unchanged(attempt: Attempt) -> None:
    assert not ProviderEvent.objects.exists()
    assert not EventToken.objects.exists()
    assert not Suppression.objects.exists()
    assert Recipient.objects.get(email=attempt.email_id).status == "pending"


@pytest.mark.parametrize("forgery", MATRIX)
@pytest.mark.parametrize("account", NAMES)
def test_a_forgery_is_given_up_and_changes_nothing(account: str, forgery: str) -> None:
    attempt = accepted(account)
    answer = posted(account, MATRIX[forgery](account, str(attempt.pk)))
    assert (answer.status_code, answer.json()["success"]) == (FORGED[account], False)
    assert_unchanged(attempt)


@pytest.mark.parametrize("ago", ["stale", "future"])
@pytest.mark.parametrize("account", STALE)
def test_what_no_vendor_would_repeat_now_is_a_forgery(account: str, ago: str) -> None:
    attempt = accepted(account)
    seconds = STALE[account] if ago == "stale" else -400
    assert posted(account, said(account, str(attempt.pk), ago=seconds)).status_code == FORGED[account]
    assert_unchanged(attempt)


@pytest.mark.parametrize("account", STALE)
def test_the_last_repeat_and_a_clock_that_is_ahead_are_believed(account: str) -> None:
    attempt = accepted(account)
    for seconds in (LAST[account], -200):
        assert posted(account, said(account, str(attempt.pk), ago=seconds)).status_code == 200


def test_another_topic_is_a_forgery_however_well_it_is_signed() -> None:
    attempt = accepted("ses")
    for topic in (
        "arn:aws:sns:eu-west-1:999999999999:gomail",
        "arn:aws:sns:eu-west-1:123456789012:other",
        "x",
    ):
        assert posted("ses", said("ses", str(attempt.pk), TopicArn=topic)).status_code == 403
    assert_unchanged(attempt)


def test_an_attackers_own_certificate_is_a_forgery(monkeypatch: Any) -> None:
    attempt = accepted("ses")
    urls = (
        "https://evil.example/SimpleNotificationService-1.pem",
        "https://s3.amazonaws.com/SimpleNotificationService-1.pem",
    )
    for url in urls:
        assert posted("ses", said("ses", str(attempt.pk), key="eve", SigningCertURL=url)).status_code == 403
    monkeypatch.setattr(Certificates, "get", lambda self, url: tellers.certificate("eve", "evil.example"))
    assert posted("ses", said("ses", str(attempt.pk), key="eve")).status_code == 403
    assert_unchanged(attempt)


def test_raw_delivery_over_http_is_a_forgery() -> None:
    attempt = accepted("ses")
    raw = json.dumps(tellers.SES().message(str(attempt.pk))).encode()
    assert posted("ses", Said(body=raw, headers={"x-amz-sns-rawdelivery": "true"})).status_code == 403
    assert_unchanged(attempt)


def test_a_caught_token_of_mailgun_carries_no_other_body() -> None:
    attempt = accepted("mailgun")
    true = Mailgun().say(str(attempt.pk))
    assert posted("mailgun", true).status_code == 200
    other = json.loads(true.body)
    other["event-data"] |= {"event": "complained"}
    answer = posted("mailgun", Said(body=json.dumps(other).encode()))
    assert (answer.status_code, ProviderEvent.objects.count(), Suppression.objects.count()) == (406, 1, 0)
    assert Recipient.objects.get(email=attempt.email_id).status == "delivered"


def test_a_post_for_another_account_is_a_forgery_at_mandrill() -> None:
    attempt = accepted("mandrill")
    told = Mandrill().say(str(attempt.pk), url=tellers.URL + "mandrill-2/")
    assert posted("mandrill", told).status_code == 403
    assert_unchanged(attempt)


@pytest.mark.parametrize("account", NAMES)
def test_a_replay_is_a_repeat(account: str) -> None:
    attempt = accepted(account)
    told = said(account, str(attempt.pk))
    assert [posted(account, told).json()["new"] for _ in range(3)] == [1, 0, 0]
    assert ProviderEvent.objects.count() == 1


def test_a_signed_event_of_another_providers_attempt_changes_nothing() -> None:
    attempt = accepted("ses")
    answer = posted("sendgrid", said("sendgrid", str(attempt.pk)))
    assert (answer.status_code, answer.json()["other"]) == (200, 1)
    assert Recipient.objects.get(email=attempt.email_id).status == "pending"


@pytest.mark.parametrize("account", ["sendgrid", "mandrill"])
def test_the_sound_events_of_a_batch_count(account: str) -> None:
    attempt, teller = accepted(account), TELLERS[account]
    batch: list[Any] = [
        {"event": 5},
        None,
        teller.event(str(attempt.pk)),
        {"event": "delivered", "timestamp": "x"},
    ]
    told = teller.sign(json.dumps(batch).encode()) if account == "sendgrid" else teller.sign(batch)
    answer = posted(account, told).json()
    assert (answer["new"], answer["other"]) == (4, 3)
    assert Recipient.objects.get(email=attempt.email_id).status == "delivered"
