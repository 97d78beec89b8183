"""What becomes of an exception of the network: words for a person, and behind them its own name and text."""

import errno
import http.client
import smtplib
import socket
import ssl

import pytest
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from providers import errors
from providers.wire import network_errors

_OPENED = HTTPConnection("127.0.0.1", 1)


def _because(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "the connection was refused"),
        (
            _because(
                exceptions.NewConnectionError(_OPENED, "Failed to establish a new connection"),
                OSError(errno.ENETUNREACH, "Network is unreachable"),
            ),
            "there is no way to it in the network",
        ),
        (exceptions.NewConnectionError(_OPENED, "unheard of"), "no connection came about"),
        (
            exceptions.NameResolutionError("h", _OPENED, socket.gaierror(-2, "Name or service not known")),
            "its name is not known to the DNS",
        ),
        (socket.gaierror(-2, "Name or service not known"), "its name is not known to the DNS"),
        (exceptions.ConnectTimeoutError(_OPENED, "timed out"), "no connection came about in time"),
        (exceptions.ReadTimeoutError(None, "/", "Read timed out."), "it took too long"),  # type: ignore[arg-type]
        (TimeoutError("timed out"), "it took too long"),
        (
            exceptions.ProtocolError("Connection aborted.", http.client.RemoteDisconnected("closed")),
            "the connection was closed",
        ),
        (exceptions.ProtocolError("Connection broken", ConnectionResetError(104, "r")), "the connection was closed"),
        (exceptions.ProtocolError("Connection broken"), "the connection broke"),
        (http.client.BadStatusLine("x"), "what came back makes no sense"),
        (exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed")), "its certificate is not valid for it"),
        (ssl.SSLError(1, "wrong version number"), "no encrypted connection came about"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "the connection was closed"),
        (OSError(errno.EMFILE, "Too many open files"), "too many files are open"),
        (MemoryError(), "no memory is left"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), "no port is free"),
        (KeyError("x"), "something unforeseen happened"),
    ],
)  # fmt: skip
def test_words_for_a_person(error: BaseException, words: str) -> None:
    assert network_errors.meaning(error) == words


def test_what_the_exception_says_stands_behind_the_reason() -> None:
    error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    found = errors.Unavailable(**network_errors.told("ses: the request was not sent", error, "the text"))
    assert found.reason == "ses: the request was not sent: the connection was refused."
    assert found.detail == f"{found.reason} ConnectionRefusedError: the text"
    assert found.code == "ConnectionRefusedError"
    assert str(errors.NobodyAccepted([found])) == found.reason


def test_an_exception_without_a_text_has_a_name() -> None:
    told = network_errors.told("ses", MemoryError(), "")
    assert told["detail"] == "ses: no memory is left. MemoryError"


def test_what_is_behind_itself_comes_to_an_end() -> None:
    error = ValueError("a")
    error.__cause__ = KeyError("b")
    error.__cause__.__cause__ = error
    assert network_errors.meaning(error) == "something unforeseen happened"
