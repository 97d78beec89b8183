import email
import json
import logging
import os
import threading
from base64 import b64decode
from email.policy import SMTP
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer

from providers.errors import Unknown
from providers.message import Mailbox
from providers.mime import build
from providers.ses import adapter
from providers.wire import http
from tests.paths import DATA
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, file, letter, noise

SAMPLES = ["letter.docx", "invoice.pdf", "photo.jpg"]
QUICK = http.Timeouts(connect=0.5, read=0.6, total=2.0)


def account(url, **changes):
    keys = {"access_key_id": "AKID", "secret_access_key": "wJalrXUtnFEMI"}
    return adapter.SES(
        adapter.Config(**{"region": "eu-west-1", "endpoint_url": url, "timeouts": QUICK, **keys, **changes})
    )


@pytest.fixture
def provider(server):
    server.default = faults.answer(200, {"MessageId": "m-1"})
    provider = account(server.url)
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def moto():
    """The address of an emulator that knows our sender."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    identity = json.dumps({"EmailIdentity": "shop@example.org"}).encode()
    scope = "Credential=AKID/20260101/eu-west-1/ses/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/json",
    }
    urlopen(Request(f"{url}/v2/email/identities", identity, headers)).close()
    yield url
    server.stop()


@pytest.fixture
def emulated(moto):
    provider = account(moto, timeouts=http.Timeouts())
    yield provider
    provider.close()


def kept_by(moto):
    with urlopen(f"{moto}/moto-api/data.json") as answer:
        return json.load(answer)["ses"]["RawMessage"]


def test_the_emulator_keeps_the_message_whole(moto, emulated):
    files = tuple(file((DATA / name).read_bytes(), name) for name in SAMPLES)
    message = letter(subject="Grüße 🎉", text="Liebe Anna", html="<p>ü</p>", attachments=files)
    receipt = emulated.send(message, ATTEMPT)
    kept = next(row for row in kept_by(moto) if row["id"] == receipt.message_id)
    parsed = email.message_from_string(kept["raw_data"], policy=SMTP)
    assert kept["raw_data"].encode() == build.render(message)
    assert parsed["Subject"] == "Grüße 🎉"
    contents = {part.get_filename(): part.get_content() for part in parsed.iter_attachments()}
    assert contents == {name: (DATA / name).read_bytes() for name in SAMPLES}


def test_blind_copies_are_in_the_envelope_only(moto, emulated):
    message = letter(cc=(Mailbox(address="c@example.com"),), bcc=(Mailbox(address="hidden@example.com"),))
    receipt = emulated.send(message, ATTEMPT)
    kept = next(row for row in kept_by(moto) if row["id"] == receipt.message_id)
    assert "hidden" not in kept["raw_data"]
    assert "hidden@example.com" in json.dumps(kept["destinations"])


def test_the_attempt_and_fitting_metadata_become_tags(server, provider):
    metadata = {"order": "42", "bad name": "x", "bad-value": "a b", "gomail_attempt": "forged", "empty": ""}
    provider.send(letter(metadata=metadata), ATTEMPT)
    tags = {tag["Name"]: tag["Value"] for tag in server.received[0].json()["EmailTags"]}
    assert tags == {"gomail_attempt": ATTEMPT, "order": "42"}


def test_no_more_tags_are_sent_than_ses_takes(server, provider):
    provider.send(letter(metadata={f"k{n}": "v" for n in range(99)}), ATTEMPT)
    tags = server.received[0].json()["EmailTags"]
    assert (len(tags), tags[0]["Value"]) == (50, ATTEMPT)


def test_the_from_header_is_left_alone(server, provider):
    provider.send(letter(), ATTEMPT)
    assert "FromEmailAddress" not in server.received[0].json()


@pytest.mark.parametrize("name", ["", "events"])
def test_the_configuration_set_is_named_if_there_is_one(server, name):
    server.default = faults.answer(200, {"MessageId": "m-1"})
    provider = account(server.url, configuration_set=name)
    provider.send(letter(), ATTEMPT)
    provider.close()
    assert server.received[0].json().get("ConfigurationSetName", "") == name


def test_the_receipt_carries_the_id_of_ses(provider):
    receipt = provider.send(letter(), ATTEMPT)
    assert (receipt.provider, receipt.message_id) == ("ses", "m-1")


def test_a_large_file_arrives_whole_in_a_signed_request(server, provider):
    message = letter(attachments=(file(noise(2_000_000)),))
    provider.send(message, ATTEMPT)
    request = server.received[0]
    assert b64decode(request.json()["Content"]["Raw"]["Data"]) == build.render(message)
    assert "Signature=" in request.headers["authorization"]


def test_n_mails_take_one_connection(server, provider):
    for _ in range(5):
        provider.send(letter(), ATTEMPT)
    assert (len(server.received), server.connections) == (5, 1)


def test_an_unanswered_request_is_never_repeated(server, provider, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    server.default = faults.hang()
    with pytest.raises(Unknown):
        provider.send(letter(), ATTEMPT)
    assert len(server.received) == 1


def test_threads_never_mix_their_messages(server, provider):
    def send(number):
        provider.send(letter(id=f"id-{number}", subject=f"Subject {number}"), f"attempt-{number}")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = [request.json() for request in server.received]
    pairs = {
        (
            email.message_from_bytes(b64decode(one["Content"]["Raw"]["Data"]))["Subject"],
            one["EmailTags"][0]["Value"],
        )
        for one in sent
    }
    assert pairs == {(f"Subject {number}", f"attempt-{number}") for number in range(16)}


def test_a_forked_process_looks_up_its_own_account(server, provider, monkeypatch):
    provider.send(letter(), ATTEMPT)
    first = provider._looked_up()
    assert provider._looked_up() is first
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert provider._looked_up() is not first
    provider.send(letter(), ATTEMPT)
    assert server.connections == 2


def test_no_repr_and_no_log_shows_a_key(server, provider, caplog):
    caplog.set_level(logging.DEBUG)
    provider.send(letter(text="canary"), ATTEMPT)
    shown = caplog.text + repr(provider) + repr(provider._config)
    assert "wJalrXUtnFEMI" not in shown
    assert "canary" not in shown
