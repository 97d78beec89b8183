import email
import json
from email.policy import SMTP

import pytest

from providers.errors import Refused
from providers.mandrill import adapter
from providers.message import Mailbox
from providers.mime import build
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, ID, file, letter, noise


def result(address, status="sent", **more):
    return {"email": address, "status": status, "_id": f"id-of-{address}", "reject_reason": None, **more}


@pytest.fixture
def provider(server):
    server.default = faults.answer(200, [result("ann@example.com")])
    provider = adapter.Mandrill(adapter.Config(api_key="md-secret", base_url=f"{server.url}/api/1.0"))
    yield provider
    provider.close()


@pytest.fixture
def raw(server, provider):
    """Send a message and return the mail that Mandrill got."""

    def send(**changes):
        provider.send(letter(**changes), ATTEMPT)
        return email.message_from_string(server.received[-1].json()["raw_message"], policy=SMTP)

    return send


def test_the_mail_is_posted_with_the_key(server, provider):
    receipt = provider.send(letter(), ATTEMPT)
    request = server.received[0]
    assert (request.method, request.path) == ("POST", "/api/1.0/messages/send-raw.json")
    assert (request.json()["key"], request.json()["async"]) == ("md-secret", False)
    assert (receipt.message_id, receipt.refused) == ("id-of-ann@example.com", {})


@pytest.mark.parametrize("size", [0, 57 * 1024, 300_001])
def test_after_the_instructions_comes_our_mime_byte_for_byte(server, provider, size):
    message = letter(text='Grüße "\\\t\n', html="<p>日本</p>", attachments=(file(noise(size)),))
    provider.send(message, ATTEMPT)
    assert server.received[0].json()["raw_message"].encode().endswith(b"\r\n" + build.render(message))


def test_everybody_in_the_envelope_is_named_once(server, provider):
    boxes = [Mailbox(address=address) for address in ("a@example.com", "b@example.com", "c@example.com")]
    provider.send(letter(to=(boxes[0],), cc=(boxes[1], boxes[0]), bcc=(boxes[2],)), ATTEMPT)
    assert server.received[0].json()["to"] == ["a@example.com", "b@example.com", "c@example.com"]


def test_our_ids_and_metadata_travel_in_a_header(raw):
    found = json.loads(
        raw(metadata={"order": "№ 42", "gomail_attempt": "forged", "_no": "x"})["X-MC-Metadata"]
    )
    assert found == {"gomail_attempt": ATTEMPT, "gomail_email": ID, "order": "№ 42"}


def test_metadata_stays_within_250_bytes_and_keeps_our_ids(raw):
    header = raw(metadata={f"k{number}": "x" * 50 for number in range(40)})["X-MC-Metadata"]
    assert len(header) <= 250
    assert json.loads(header)["gomail_attempt"] == ATTEMPT


def test_tags_that_mandrill_takes_are_sent(raw):
    assert raw(tags=("a b", "a,b", "_c", "ü", "d" * 51, "a b", "e"))["X-MC-Tags"] == "a b,e"


def test_mail_that_is_not_tracked_names_neither_opens_nor_clicks(raw):
    assert (raw(tracked=False)["X-MC-Track"], raw()["X-MC-Track"]) == ("none", None)


@pytest.mark.parametrize(("bcc", "shown"), [((), "true"), ((Mailbox(address="h@example.com"),), "false")])
def test_recipients_are_shown_unless_somebody_gets_a_blind_copy(raw, bcc, shown):
    assert raw(bcc=bcc)["X-MC-PreserveRecipients"] == shown


def test_partly_refused_recipients_are_told(server, provider):
    rejected = result("bob@example.com", "rejected", reject_reason="hard-bounce")
    invalid = result("eve@example.com", "invalid")
    server.script(faults.answer(200, [rejected, invalid, result("ann@example.com", "queued")]))
    receipt = provider.send(letter(), ATTEMPT)
    assert receipt.message_id == "id-of-ann@example.com"
    assert receipt.refused == {"bob@example.com": "hard-bounce", "eve@example.com": "invalid"}


def test_what_no_mail_can_hold_is_refused_unsent(server, provider):
    with pytest.raises(Refused):
        provider.send(letter(subject="a\nb"), ATTEMPT)
    assert not server.received


def test_n_mails_take_one_connection(server, provider):
    for _ in range(5):
        provider.send(letter(), ATTEMPT)
    assert (len(server.received), server.connections) == (5, 1)


def test_no_repr_shows_the_key(provider):
    assert "md-secret" not in repr(provider) + repr(provider._config) + repr(vars(provider))
