"""An email that is offered again says the same to the same people, whoever carries it and why ever it is offered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Circuit, Email
from delivery.routing import circuit_cache
from delivery.sending import rounds
from tests import fakes, legs
from tests.legs import Leg, attached
from tests.providers import far_ends
from tests.providers.far_ends import OURS, Received
from tests.providers.fault_server import ALL, reset
from tests.providers.letters import noise

pytestmark = pytest.mark.django_db
LETTER = {
    "from_address": "Käseladen <shop@example.org>",
    "to_addresses": ["Änn <ann@example.com>", "bob@example.com"],
    "cc_addresses": ["Cy <cy@example.com>"],
    "bcc_addresses": ["hidden@example.net", "deep@example.net"],
    "reply_to": ["Wir <reply@example.org>", "also@example.org"],
    "subject": "Grüße 🎉",
    "text_body": "Liebe Änn,\n.\nund Grüße.\n",
    "html_body": '<p>Grüße <img src="cid:logo@shop"> 🎉</p>',
    "headers": {"X-Campaign": "spring-26", "List-Unsubscribe": "<https://example.org/u/1>"},
    "tags": ["welcome", "spring"],
    "metadata": {"order": "42", "shop_id": "eu-1"},
    "attachments": [
        attached(noise(5_000), "logo.png", content_type="image/png", content_id="logo@shop"),
        attached(noise(300_000), "Rechnung №1.pdf", content_type="application/pdf"),
    ],
}  # fmt: skip
EVERYBODY = {"ann@example.com", "bob@example.com", "cy@example.com", "hidden@example.net", "deep@example.net"}
BUSY, LOST = "451 4.3.0 Try again later", ""
NEW_IN_EACH_MAIL = {"date", "message-id", "x-gomail-id", "content-type", "x-mc-metadata"}


@pytest.fixture(params=legs.LEGS)
def leg(request: pytest.FixtureRequest, api: fakes.Api, settings: Any) -> Iterator[Leg]:
    """One type of provider, which takes every header."""
    settings.GOMAIL_ALLOWED_HEADERS = ("X-Campaign",)
    with legs.alone(request.param, api, settings) as leg:
        yield leg


def received(leg: Leg) -> list[Received]:
    """Return every mail that came in whole, without what is new in each."""
    if leg.name in far_ends.READERS:
        return [_comparable(far_ends.READERS[leg.name](request)) for request in leg.vendor.received]
    return [_comparable(far_ends.read_envelope(envelope)) for envelope in leg.mailbox.envelopes]


def _comparable(mail: Received) -> Received:
    return replace(
        mail,
        shown="",
        headers={name: value for name, value in mail.headers.items() if name not in NEW_IN_EACH_MAIL},
        metadata={name: value for name, value in mail.metadata.items() if name not in OURS},
    )


def at_once(api: fakes.Api) -> None:
    answer = api.send(**LETTER)
    assert answer.status_code == 200, answer.content


def sent_in_a_second_round(api: fakes.Api) -> Email:
    """Send it; it is not accepted at once, and offered again when its time has come."""
    assert api.send(**LETTER).status_code == 202
    email = Email.objects.latest("created_at")
    Circuit.objects.all().delete()  # a pause, if the provider has asked for one
    circuit_cache.forget()
    Email.objects.filter(pk=email.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    assert (email.status, email.rounds, email.attempts.count()) == ("sent", 2, 2)
    return email


def test_what_is_offered_again_after_a_failure_is_whole(leg: Leg, api: fakes.Api) -> None:
    at_once(api)
    leg.vendor.script(fakes.SES_THROTTLING)  # 429, which the others understand, too
    leg.mailbox.script(BUSY)
    email = sent_in_a_second_round(api)

    first, refused, again = received(leg)
    assert first == refused == again
    assert (email.possible_duplicate, again.envelope) == (False, EVERYBODY)


def test_what_is_sent_again_in_doubt_is_whole(leg: Leg, api: fakes.Api) -> None:
    at_once(api)
    leg.vendor.script(reset(ALL))
    leg.mailbox.script(LOST)
    email = sent_in_a_second_round(api)

    first, unanswered, again = received(leg)
    assert first == unanswered == again
    assert (email.possible_duplicate, again.envelope) == (True, EVERYBODY)


def test_what_is_compared_is_all_that_was_asked_for(leg: Leg, api: fakes.Api) -> None:
    at_once(api)
    (mail,) = received(leg)
    assert mail.to == [("Änn", "ann@example.com"), ("", "bob@example.com")]
    assert mail.cc == [("Cy", "cy@example.com")]
    assert mail.reply_to == [("Wir", "reply@example.org"), ("", "also@example.org")]
    assert (mail.sender, mail.subject) == (("Käseladen", "shop@example.org"), LETTER["subject"])
    assert (mail.text, mail.html) == (LETTER["text_body"], LETTER["html_body"])
    assert LETTER["headers"].items() <= {n.title(): v for n, v in mail.headers.items()}.items()  # type: ignore[attr-defined]
    assert (mail.inline, mail.files) == ({"logo@shop": noise(5_000)}, {"Rechnung №1.pdf": noise(300_000)})
    if leg.name not in {"smtp", "house"}:
        assert mail.metadata == LETTER["metadata"]
    if leg.name not in {"smtp", "house", "ses"}:
        assert mail.tags == (["welcome"] if leg.name == "postmark" else LETTER["tags"])
