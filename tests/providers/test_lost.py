"""For every adapter: a mail that the vendor has received whole, without answering, is never safe to resend."""

import socket

import pytest

from providers import errors
from tests.providers import fault_server as faults
from tests.providers.adapters import OVER_HTTP
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.patience import HASTY, QUICK, patience

LARGE = letter(attachments=(file(noise(6_000_000)),))


@pytest.fixture(scope="module", params=OVER_HTTP)
def vendor(request):
    """One adapter and its server for all the faults: a client of SES takes 0.2 s."""
    adapter = OVER_HTTP[request.param]
    with faults.FaultServer(adapter.accepted) as server:
        providers = {timeouts: adapter.build(server.url, timeouts) for timeouts in (QUICK, HASTY)}
        yield server, providers, adapter
        for provider in providers.values():
            provider.close()


def outcome(vendor, fault, message=None):
    """Return what the adapter makes of a fault: an error, or None for a receipt."""
    server, providers, _ = vendor
    server.received.clear()
    server.script(fault)
    try:
        providers[patience(fault)].send(message or letter(), ATTEMPT)
    except errors.ProviderError as error:
        return error


def named(fault):
    return f"{fault.read}-{fault.end}-{fault.data[:12].decode('latin-1')!r}"


@pytest.mark.parametrize(
    "fault",
    [faults.hang(), faults.reset(), faults.close(), faults.garbage(), faults.truncated(200),
     faults.truncated(202), faults.drip(), faults.garbage(b"HTTP/1.1 abc\r\n\r\n"), faults.html(200),
     faults.html(500), faults.html(502), faults.html(503), faults.html(504), faults.html(408),
     faults.answer(500), faults.answer(502), faults.answer(504), faults.answer(408)],
    ids=named,
)  # fmt: skip
def test_a_mail_received_whole_without_an_answer_is_unknown(vendor, fault):
    assert type(outcome(vendor, fault)) is errors.Unknown
    assert len(vendor[0].received) == 1


@pytest.mark.parametrize("fault", [faults.hang(), faults.reset(), faults.close()], ids=named)
def test_so_is_a_large_one(vendor, fault):
    assert type(outcome(vendor, fault, LARGE)) is errors.Unknown
    assert len(vendor[0].received) == 1


@pytest.mark.parametrize("read", ["nothing", "head", "half"])
@pytest.mark.parametrize("fault", [faults.hang, faults.reset, faults.close])
def test_a_mail_cut_off_is_not_sent(vendor, fault, read):
    assert type(outcome(vendor, fault(read), LARGE)) is errors.Unavailable
    assert not vendor[0].received


def test_a_promise_cut_off_anywhere_is_kept_or_unknown(vendor):
    data = vendor[2].accepted.data
    for length in range(len(data)):
        error = outcome(vendor, faults.Fault(data=data[:length], end="close"))
        assert error is None or type(error) is errors.Unknown, data[:length]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(vendor, status):
    error = outcome(vendor, faults.redirect(f"{vendor[0].url}/elsewhere", status))
    assert (type(error), len(vendor[0].received)) == (errors.AccountProblem, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 407, 413, 415])
def test_a_proxy_that_refuses_is_a_matter_of_the_account(vendor, status):
    assert type(outcome(vendor, faults.html(status))) is errors.AccountProblem


@pytest.mark.parametrize("adapter", OVER_HTTP.values(), ids=OVER_HTTP)
class TestUnreachable:
    """What happens before anything can be sent."""

    def fails(self, adapter, url, timeouts=QUICK):
        with pytest.raises(errors.Unavailable):
            adapter.build(url, timeouts).send(letter(), ATTEMPT)

    def test_a_refused_connection(self, adapter):
        self.fails(adapter, f"http://127.0.0.1:{faults.closed_port()}")

    def test_an_unknown_host(self, adapter, monkeypatch):
        def fail(*_args, **_options):
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        self.fails(adapter, "http://mail.invalid")

    @pytest.mark.parametrize("fault", [faults.garbage(), faults.hang("nothing"), faults.reset("nothing")])
    def test_a_handshake_that_fails(self, server, adapter, fault):
        server.default = fault
        self.fails(adapter, server.url.replace("http", "https"), patience(fault))
