import socket
import ssl
import threading
import time

import pytest

from providers import errors
from providers.wire import body, http, trust
from tests.providers import fault_server as faults
from tests.providers.patience import HASTY, QUICK, patience

LARGE = 8_000_000  # more than the buffers of both sides hold


@pytest.fixture
def transports():
    transports = {
        timeouts: http.Transport("vendor", timeouts=timeouts, connections=4) for timeouts in (QUICK, HASTY)
    }
    yield transports
    for transport in transports.values():
        transport.close()


@pytest.fixture
def transport(transports):
    return transports[QUICK]


def request_of(size: int = 100) -> body.Body:
    return body.assemble(b"x" * size, {})


def post(transport, url, size=100):
    request = request_of(size)
    return transport.post(url, {"Content-Length": str(size)}, request)


def named(fault):
    return f"{fault.read}-{fault.end}-{fault.data[:16].decode('latin-1')!r}"


WHOLE = [
    faults.hang(), faults.reset(), faults.close(), faults.garbage(), faults.drip(), faults.truncated(202),
    faults.garbage(b"HTTP/1.1 abc\r\n\r\n"),
]  # fmt: skip
CUT = [
    fault(read) for fault in (faults.hang, faults.reset, faults.close) for read in ("nothing", "head", "half")
]


@pytest.mark.parametrize("fault", WHOLE, ids=named)
@pytest.mark.parametrize("size", [100, LARGE])
def test_a_request_received_whole_without_an_answer_is_unknown(server, transports, fault, size):
    server.script(fault)
    with pytest.raises(errors.Unknown, match="sent, but not answered"):
        post(transports[patience(fault)], server.url, size)
    assert len(server.received) == 1


@pytest.mark.parametrize("fault", CUT, ids=named)
def test_a_request_cut_off_is_not_sent(server, transports, fault):
    server.script(fault)
    with pytest.raises(errors.Unavailable, match="not sent"):
        post(transports[patience(fault)], server.url, LARGE)
    assert not server.received


def test_a_closed_port_is_unavailable(transport):
    with pytest.raises(errors.Unavailable):
        post(transport, f"http://127.0.0.1:{faults.closed_port()}/")


def test_an_unknown_host_is_unavailable(transport, monkeypatch):
    def fail(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(errors.Unavailable):
        post(transport, "http://mail.invalid/")


def test_a_tls_handshake_with_something_else_is_unavailable(server, transport):
    server.default = faults.garbage()
    with pytest.raises(errors.Unavailable):
        post(transport, server.url.replace("http", "https"))


def test_a_stalled_tls_handshake_is_unavailable(server, transports):
    server.default = faults.hang("nothing")
    with pytest.raises(errors.Unavailable):
        post(transports[HASTY], server.url.replace("http", "https"))


def test_certificates_are_verified():
    context = trust.context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "http://[::1", "http://a\nb/"])
def test_an_impossible_address_is_an_account_problem(transport, url):
    with pytest.raises(errors.AccountProblem):
        post(transport, url)


def test_a_key_that_cannot_be_a_header_is_not_quoted(server, transport):
    with pytest.raises(errors.AccountProblem) as failure:
        transport.post(server.url, {"Authorization": "Bearer SECRET\nX: y"}, request_of())
    assert "SECRET" not in str(failure.value)
    assert failure.value.__suppress_context__


@pytest.mark.parametrize(
    "fault", [faults.drip(), faults.drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 999)], ids=named
)
def test_a_dripping_answer_is_waited_for_no_longer_than_the_total(server, transports, fault):
    server.script(fault)
    start = time.monotonic()
    with pytest.raises(errors.Unknown):
        post(transports[HASTY], server.url)
    assert time.monotonic() - start < 25


def test_an_endless_answer_is_read_to_a_limit(server, transport):
    server.script(faults.answer(200, b"x" * 1_000_000))
    assert len(post(transport, server.url).body) == http.LONGEST_ANSWER


def test_a_redirect_is_an_answer_and_not_followed(server, transport):
    server.script(faults.redirect(server.url))
    assert post(transport, server.url).status == 302
    assert len(server.received) == 1


def test_a_connection_is_kept(server, transport):
    for _ in range(5):
        post(transport, server.url)
    assert (len(server.received), server.connections) == (5, 1)


def test_a_connection_closed_between_requests_is_replaced(server, transport):
    server.script(faults.Fault(data=faults.answer(200).data, end="close"))
    post(transport, server.url)
    time.sleep(0.05)
    assert post(transport, server.url).status == 200


def test_an_early_answer_to_a_large_request_is_read(server, transport):
    server.script(faults.Fault(read="half", data=faults.answer(413, {}).data, end="close"))
    try:
        assert post(transport, server.url, LARGE).status == 413
    except errors.Unavailable:
        assert not server.received  # the reset may overtake the answer; the mail was not sent either way


def test_threads_share_the_transport(server, transport):
    threads = [threading.Thread(target=post, args=(transport, server.url)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.received) == 8


def test_the_proxies_of_the_environment_are_not_used(server, transport, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{faults.closed_port()}")
    assert post(transport, server.url).status == 200


def test_a_vendor_s_words_are_made_one_harmless_line():
    assert http.said(b"a\r\nb\x1b[31m \xff key-1 " + b"x" * 999, ["key-1"]).startswith(
        "a b [31m � [hidden] xxx"
    )
    assert len(http.said("x" * 999)) == 500


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "Unknown"), (204, "Unknown"), (301, "AccountProblem"), (404, "AccountProblem"),
     (413, "AccountProblem"), (408, "Unknown"), (500, "Unknown"), (502, "Unknown"), (503, "Unknown"),
     (504, "Unknown")],
)  # fmt: skip
def test_somebody_else_s_answer_is_told_by_its_status(status, kind):
    error = http.foreign("vendor", http.Answer(status=status, headers={}, body=b"<h1>Proxy</h1>"))
    assert (type(error).__name__, error.code) == (kind, str(status))
    assert "Proxy" in error.detail
