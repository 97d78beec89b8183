"""Answers that a proxy has compressed although nobody asked, through a real server."""

import gzip
import json
import zlib
from contextlib import closing

import pytest

from providers.errors import AccountProblem, Throttled, Unknown
from providers.wire import body, compressed, http
from tests.providers import fault_server as faults
from tests.providers.adapters import OVER_HTTP
from tests.providers.far_ends import PATIENT
from tests.providers.letters import ATTEMPT, letter

PLAIN = json.dumps({"MessageId": "m-1", "padding": "ü" * 300}).encode()
RAW = zlib.compressobj(wbits=-15)
FORMS = {
    "gzip": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN),
    "GZIP": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "deflate ": RAW.compress(PLAIN) + RAW.flush(),
    "identity": PLAIN,
    "": PLAIN,
    "deflate, gzip": gzip.compress(zlib.compress(PLAIN)),
    "gzip,identity": gzip.compress(PLAIN),
}


@pytest.fixture
def transport():
    transport = http.Transport("vendor", timeouts=PATIENT, connections=1)
    yield transport
    transport.close()


def post(transport, url):
    return transport.post(url, {"Content-Length": "1"}, body.assemble(b"x", {}))


def send(server, name):
    with closing(OVER_HTTP[name].build(server.url, PATIENT)) as provider:
        return provider.send(letter(), ATTEMPT)


# {"MessageId":"m-1"} as brotli and zstd write it.
BROTLI = b"\x0b\x09\x80" + b'{"MessageId":"m-1"}' + b"\x03"
PACKED = {"br": BROTLI, "zstd": b"\x28\xb5\x2f\xfd\x20\x13\x99\x00\x00" + b'{"MessageId":"m-1"}'}


@pytest.mark.parametrize("coding", FORMS)
def test_what_everybody_writes_is_read(server, transport, coding):
    server.script(faults.answer(200, FORMS[coding], {"Content-Encoding": coding}))
    answer = post(transport, server.url)
    assert (answer.body, answer.unread) == (PLAIN, "")


def test_nobody_is_asked_to_compress(server, transport):
    post(transport, server.url)
    transport.get(server.url, {})
    assert [request.headers["accept-encoding"] for request in server.received] == ["identity", "identity"]


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "compress", "gzip, br", "x" * 500, "gzip, gzip, gzip, gzip"]
)
def test_what_cannot_be_read_is_told(server, transport, coding):
    server.script(faults.answer(200, BROTLI, {"Content-Encoding": coding}))
    answer = post(transport, server.url)
    error = http.foreign("ses", answer)
    assert type(error) is Unknown
    assert "an answer unread: it is" in error.detail
    assert error.detail.isprintable()
    assert len(error.detail) < 200


@pytest.mark.parametrize("content", [b"no gzip", FORMS["gzip"][:10], b"\x1f\x8b\x08garbage", b"", BROTLI])
def test_what_is_broken_is_never_a_success(server, content):
    server.script(faults.answer(200, content, {"Content-Encoding": "gzip"}))
    with pytest.raises(Unknown):
        send(server, "ses")


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_bomb_is_cut_off(server, transport, layers):
    content = b"\0" * 50_000_000
    for _ in range(layers):
        content = gzip.compress(content, 1)
    server.script(faults.answer(200, content, {"Content-Encoding": ", ".join(["gzip"] * layers)}))
    assert len(post(transport, server.url).body) <= http.LONGEST_ANSWER


def test_no_more_is_expanded_than_is_wanted():
    assert compressed.plain(gzip.compress(b"x" * 1_000_000), "gzip", longest=1000) == b"x" * 1000


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_every_vendor_s_good_answer_is_good_compressed(server, name, coding):
    head, _, plain = OVER_HTTP[name].accepted.data.partition(b"\r\n\r\n")
    packed = gzip.compress(plain) if coding == "gzip" else zlib.compress(plain)
    status = int(head.split()[1])
    server.script(faults.answer(status, packed, {"Content-Encoding": coding, "X-Message-Id": "m-1"}))
    receipt = send(server, name)
    assert receipt.message_id == OVER_HTTP[name].message_id


@pytest.mark.parametrize(("name", "status", "kind"), [
    ("ses", 200, Unknown), ("mailgun", 200, Unknown), ("mandrill", 200, Unknown), ("sendgrid", 200, Unknown),
    ("ses", 500, Unknown), ("ses", 403, AccountProblem), ("sendgrid", 429, Throttled),
])  # fmt: skip
@pytest.mark.parametrize("coding", PACKED)
def test_an_answer_nobody_can_read_is_told_by_its_status(server, name, status, kind, coding):
    server.script(faults.answer(status, PACKED[coding], {"Content-Encoding": coding}))
    with pytest.raises(kind) as failure:
        send(server, name)
    assert f"compressed with '{coding}'" in failure.value.detail


def test_a_promise_without_words_is_one_however_it_is_packed(server):
    server.script(faults.answer(202, BROTLI, {"Content-Encoding": "br", "X-Message-Id": "m-1"}))
    assert send(server, "sendgrid").message_id == "m-1"
