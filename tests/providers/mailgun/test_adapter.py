from base64 import b64decode

import pytest

from providers.errors import NotAccepted, Refused
from providers.mailgun import adapter
from providers.message import Attachment, Mailbox
from providers.mime import build
from tests.providers import fault_server as faults
from tests.providers import forms
from tests.providers.letters import ATTEMPT, ID, file, letter, noise

QUEUED = {"id": "<20260102.1@mail.example.org>", "message": "Queued. Thank you."}


@pytest.fixture
def provider(server):
    server.default = faults.answer(200, QUEUED)
    provider = adapter.Mailgun(
        adapter.Config(api_key="key-secret", domain="mail.example.org", base_url=server.url)
    )
    yield provider
    provider.close()


@pytest.fixture
def options(server, provider):
    """Send a message and return the fields that Mailgun got, by their names."""

    def send(**changes):
        provider.send(letter(**changes), ATTEMPT)
        named = {}
        for name, value in forms.fields(server.received[-1]):
            named.setdefault(name, []).append(value)
        return named

    return send


def test_the_form_is_posted_with_the_key(server, provider):
    receipt = provider.send(letter(), ATTEMPT)
    request = server.received[0]
    assert (request.method, request.path) == ("POST", "/v3/mail.example.org/messages.mime")
    assert b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"api:key-secret"
    assert (receipt.provider, receipt.message_id) == ("mailgun", "20260102.1@mail.example.org")


@pytest.mark.parametrize("size", [0, 57 * 1024, 300_001])
def test_the_file_is_our_mime_byte_for_byte(server, provider, size):
    message = letter(text="Grüße\n", attachments=(file(noise(size)),))
    provider.send(message, ATTEMPT)
    assert forms.file(server.received[0]) == ("message", build.render(message))


def test_everybody_in_the_envelope_is_named_once(options):
    boxes = [Mailbox(address=address) for address in ("a@example.com", "b@example.com", "c@example.com")]
    found = options(to=(boxes[0],), cc=(boxes[1], boxes[0]), bcc=(boxes[2],))
    assert found["to"] == ["a@example.com", "b@example.com", "c@example.com"]


def test_our_ids_and_metadata_are_variables_that_nobody_else_sees(options):
    found = options(metadata={"order": "42", "gomail_attempt": "forged"})
    variables = {name: values for name, values in found.items() if name.startswith("v:")}
    assert variables == {"v:gomail_attempt": [ATTEMPT], "v:gomail_email": [ID], "v:order": ["42"]}
    assert found["o:suppress-headers"] == ["X-Mailgun-Variables,X-Mailgun-Tag"]


def test_three_tags_of_the_kind_that_mailgun_takes_are_sent(options):
    assert options(tags=("a", "ü", "a", "b" * 200, "c", "d"))["o:tag"] == ["a", "c", "d"]


def test_mail_that_is_not_tracked_says_so_whatever_the_domain_is_set_to(options):
    untracked, tracked = options(tracked=False), options()
    names = ("o:tracking", "o:tracking-clicks", "o:tracking-opens")
    assert [untracked[name] for name in names] == [["no"]] * 3
    assert not any(name in tracked for name in names)


def test_options_stay_within_16_kb_and_ours_stand_first(options):
    found = options(metadata={f"k{number}": "x" * 1000 for number in range(40)})
    assert sum(len(name) + len(values[0]) for name, values in found.items() if name != "to") < 16_000
    assert found["v:gomail_attempt"] == [ATTEMPT]


def test_a_name_or_value_cannot_break_out_of_its_field(server, options):
    found = options(metadata={'a"\r\nX: y': "one\r\n--gomail-\r\n", "ü": "日本"})
    assert found["v:a%22%0D%0AX: y"] == ["one\r\n--gomail-\r\n"]
    assert "日本".encode() in server.received[0].body


@pytest.mark.parametrize("changes", [{"subject": "a\nb"}, {"bcc": (Mailbox(address="a@b.cd,x@evil.test"),)}])
def test_what_no_mail_can_hold_is_refused_unsent(server, provider, changes):
    with pytest.raises(Refused):
        provider.send(letter(**changes), ATTEMPT)
    assert not server.received


def test_a_file_that_cannot_be_read_is_not_sent(server, provider):
    def missing():
        raise FileNotFoundError

    broken = Attachment(filename="a", content_type="a/b", size=1, open=missing)
    with pytest.raises(NotAccepted):
        provider.send(letter(attachments=(broken,)), ATTEMPT)
    assert not server.received


def test_n_mails_take_one_connection(server, provider):
    for _ in range(5):
        provider.send(letter(), ATTEMPT)
    assert (len(server.received), server.connections) == (5, 1)


def test_no_repr_shows_the_key(provider):
    shown = repr(provider) + repr(provider._config) + repr(vars(provider))
    assert not [secret for secret in ("key-secret", provider._config.credentials) if secret in shown]
