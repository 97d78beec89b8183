"""Events of further vendors are believed by their secret alone, and read by anymail into our words."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from providers import registry
from providers.django.events import Source
from providers.events import Bounce, CannotVerify, Event, Forged, Kind
from tests.providers.posts import post
from tests.tellers import Said

ATTEMPT = "0190a1b2-0000-7000-8000-000000000001"
AUTH = {"webhook_secret": "gomail:secret"}
BOUNCE = {
    "RecordType": "Bounce",
    "Type": "HardBounce",
    "ID": 4323372036854775807,
    "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
    "Metadata": {"gomail_attempt": ATTEMPT},
    "Description": "The server was unable to deliver your message",
    "Details": "smtp;550 5.1.1 no such user",
    "Email": "bob@example.org",
    "BouncedAt": "2026-11-28T12:00:00Z",
}

BREVO = {"email": "bob@example.org", "ts_epoch": 1_764_331_200_000}
MAILJET = {"event": "bounce", "time": 1_764_331_200, "email": "bob@example.org"}


def said(body: Any, *, auth: str = "gomail:secret", **headers: str) -> Said:
    basic = {"authorization": "Basic " + base64.b64encode(auth.encode()).decode()} if auth else {}
    given = {"content-type": "application/json", **basic, **headers}
    return Said(body=json.dumps(body).encode(), headers=given)


def parsed(vendor: str, body: Any) -> list[Event]:
    return list(Source(vendor, AUTH).parse(post(said(body))))


def test_the_user_and_password_of_the_url_are_believed() -> None:
    Source("postmark", AUTH).verify(post(said(BOUNCE)))
    Source("postmark", {"webhook_secret": ["old:one", "gomail:secret"]}).verify(post(said(BOUNCE)))


@pytest.mark.parametrize("auth", ["", "gomail", "gomail:wrong", "g", ":", "gomail:secret2"])
def test_any_others_are_a_forgery(auth: str) -> None:
    with pytest.raises(Forged):
        Source("postmark", AUTH).verify(post(said(BOUNCE, auth=auth)))


@pytest.mark.parametrize(
    "options",
    [
        {}, {"webhook_secret": ""}, {"webhook_secret": []}, {"webhook_secret": [""]}, {"webhook_secret": 5},
        {"basic_auth": "gomail:secret"}, {"signing_secret": ""}, {"webhook_secret": "a:b", "another": "x"},
        {"signing_secret": "of a view that does not sign"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("vendor", ["postmark", "brevo", "mailjet", "sparkpost"])
def test_without_a_secret_nothing_can_be_verified(vendor: str, options: dict[str, Any]) -> None:
    with pytest.raises(CannotVerify):
        Source(vendor, options).verify(post(said(BOUNCE, auth="g")))


@pytest.mark.parametrize("vendor", ["mailersend", "mailtrap", "postal", "resend", "unisender_go"])
@pytest.mark.parametrize("options", [{}, {"signing_secret": ""}, {"api_key": ""}, {"webhook_key": ""}])
def test_nor_at_a_vendor_that_signs(vendor: str, options: dict[str, Any]) -> None:
    with pytest.raises(CannotVerify):
        Source(vendor, options).verify(post(said(BOUNCE)))


def test_a_signature_is_believed_and_another_is_a_forgery() -> None:
    source, body = Source("mailersend", {"signing_secret": "secret"}), {"type": "activity.delivered"}
    signature = hmac.new(b"secret", json.dumps(body).encode(), hashlib.sha256).hexdigest()
    source.verify(post(said(body, auth="", signature=signature)))
    for wrong in (signature[:-1] + "x", "", "é"):
        with pytest.raises(Forged):
            source.verify(post(said(body, auth="", signature=wrong)))


def test_a_hard_bounce_is_read() -> None:
    (event,) = parsed("postmark", BOUNCE)
    assert (event.kind, event.bounce, event.attempt) == (Kind.BOUNCED, Bounce.HARD, ATTEMPT)
    assert (event.recipient, event.message_id) == ("bob@example.org", BOUNCE["MessageID"])
    assert "550 5.1.1" in event.reason


@pytest.mark.parametrize(
    ("vendor", "told", "kind", "bounce"),
    [
        ("postmark", {**BOUNCE, "Type": "SoftBounce"}, Kind.BOUNCED, Bounce.SOFT),
        ("postmark", {**BOUNCE, "Type": "Transient"}, Kind.DEFERRED, Bounce.NONE),
        ("postmark", {**BOUNCE, "Type": "SpamComplaint"}, Kind.COMPLAINED, Bounce.NONE),
        ("brevo", BREVO | {"event": "hard_bounce"}, Kind.BOUNCED, Bounce.HARD),
        ("brevo", BREVO | {"event": "soft_bounce"}, Kind.BOUNCED, Bounce.SOFT),
        ("brevo", BREVO | {"event": "delivered"}, Kind.DELIVERED, Bounce.NONE),
        ("mailjet", [MAILJET | {"hard_bounce": True}], Kind.BOUNCED, Bounce.HARD),
        ("mailjet", [MAILJET | {"hard_bounce": False}], Kind.BOUNCED, Bounce.SOFT),
    ],
)  # fmt: skip
def test_a_bounce_is_hard_in_the_vendors_own_words_alone(
    vendor: str, told: Any, kind: Kind, bounce: Bounce
) -> None:
    (event,) = parsed(vendor, told)
    assert (event.kind, event.bounce) == (kind, bounce)


@pytest.mark.parametrize("body", [5, None, [], {}, {"RecordType": "Bounce"}, {"RecordType": "Inbound"}])
@pytest.mark.parametrize("vendor", ["postmark", "brevo", "sparkpost", "mailersend"])
def test_what_cannot_be_read_is_kept(vendor: str, body: Any) -> None:
    options = {"signing_secret": "secret"} if vendor == "mailersend" else AUTH
    assert {event.kind for event in Source(vendor, options).parse(post(said(body)))} <= {Kind.OTHER}


def test_each_account_has_secrets_of_its_own() -> None:
    names = ("one=django", "two=django", "three=django", "relay=django")
    variables = {
        "ONE_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
        "ONE_DJANGO_EVENTS_OPTIONS": json.dumps(AUTH),
        "TWO_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
        "THREE_DJANGO_BACKEND": "anymail.backends.brevo.EmailBackend",
        "THREE_DJANGO_EVENTS_OPTIONS": "no JSON",
        "RELAY_DJANGO_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    }
    one, two, three, relay = (registry.source(name.partition("=")[0], names, variables) for name in names)
    assert one
    one.verify(post(said(BOUNCE)))
    for source in (two, three):
        assert source
        with pytest.raises(CannotVerify):
            source.verify(post(said(BOUNCE)))
    assert relay is None
