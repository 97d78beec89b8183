"""What is a shortage of this machine, and what only looks like one."""

import errno
import socket
import ssl

import pytest
from botocore.exceptions import EndpointConnectionError
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, SSLError

from providers.wire import shortage, trust
from tests.scarcity import alone, no_files_left

KINDS = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EADDRNOTAVAIL"]


def number(name):
    return OSError(getattr(errno, name), name)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda cause: cause,
        lambda cause: caused(NewConnectionError(None, "no"), cause),
        lambda cause: ProtocolError("Connection aborted.", cause),
        SSLError,
        lambda cause: ConnectionError(MaxRetryError(None, "/", caused(NewConnectionError(None, "no"), cause))),
        lambda cause: EndpointConnectionError(endpoint_url="http://169.254.169.254/", error=cause),
        lambda cause: caused(RuntimeError("outermost"), ConnectionError(MaxRetryError(None, "/", SSLError(cause)))),
    ],
)  # fmt: skip
def test_a_shortage_is_found_however_deep_it_is_wrapped(wrap, kind):
    assert shortage.explains(wrap(number(kind)))


def test_want_of_memory_is_one():
    assert shortage.explains(caused(RuntimeError("no"), MemoryError()))


@pytest.mark.parametrize(
    "error",
    [
        number("ECONNREFUSED"),
        number("ENETUNREACH"),
        number("ETIMEDOUT"),
        number("ENOSPC"),
        TimeoutError("timed out"),
        ssl.SSLError(errno.EMFILE, "a number of OpenSSL's"),
        socket.gaierror(-2, "Name or service not known"),
        ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED"),
        ValueError(errno.EMFILE),
    ],
    ids=repr,
)
def test_what_is_the_other_ends_fault_is_none(error):
    assert not shortage.explains(error)


def test_the_error_of_the_provider_before_is_no_cause():
    error = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    error.__context__ = number("EMFILE")
    assert not shortage.explains(error)


def test_errors_in_a_circle_come_to_an_end():
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert not shortage.explains(one)


@pytest.mark.parametrize(
    "error",
    [
        caused(NewConnectionError(None, "no"), socket.gaierror(-2, "Name or service not known")),
        caused(NewConnectionError(None, "no"), number("EBUSY")),  # a library for names cannot be loaded
        caused(NewConnectionError(None, "no"), number("EINVAL")),  # its files cannot be opened
        SSLError(ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")),
    ],
)
def test_what_may_hide_a_shortage_is_one_while_the_machine_is_short(error):
    assert alone(lambda: _while_short(lambda: shortage.explains(error), files=2))
    assert not alone(lambda: shortage.explains(error))


def test_ports_that_are_used_up_for_one_address_stop_nobody_else():
    shortage.explains(number("EADDRNOTAVAIL"))
    assert not shortage.was_lately()
    shortage.explains(number("EMFILE"))
    assert shortage.was_lately()


@pytest.mark.parametrize(("kind", "proves"), [(kind, kind not in ("ENOMEM", "ENOBUFS")) for kind in KINDS])
def test_some_numbers_prove_that_nothing_was_sent(kind, proves):
    assert shortage.is_of_opening(ConnectionError(number(kind))) is proves


def test_looking_leaves_no_file_open():
    assert not alone(lambda: _while_short(lambda: shortage.is_here() or shortage.is_here(), files=8))


def _while_short(ask, *, files):
    with no_files_left(but=files):
        return ask()


def test_certificates_that_could_not_be_opened_are_not_done_without():
    trust.context.cache_clear()
    with no_files_left(), pytest.raises(OSError) as refused:
        trust.context()
    assert shortage.explains(refused.value)
    assert trust.context().cert_store_stats()["x509"] > 0
    trust.context.cache_clear()
