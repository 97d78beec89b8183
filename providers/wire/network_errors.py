"""What an exception of the network means, in words for a person; its own name and text stand behind them."""

import errno
import http.client
import smtplib
import socket
import ssl
from collections.abc import Iterator
from typing import Final, TypedDict

from urllib3 import exceptions

_NO_WAY: Final = "there is no way to it in the network"
_NO_MEMORY: Final = "no memory is left"
_OF_NUMBERS: Final = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ENETUNREACH: _NO_WAY,
    errno.EHOSTUNREACH: _NO_WAY,
    errno.ENETDOWN: _NO_WAY,
    errno.ECONNRESET: "the connection was closed",
    errno.ECONNABORTED: "the connection was closed",
    errno.EPIPE: "the connection was closed",
    errno.ETIMEDOUT: "it took too long",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOMEM: _NO_MEMORY,
    errno.EADDRNOTAVAIL: "no port is free",
}
# The first class that fits; a subclass stands before its base.
_OF_CLASSES: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((exceptions.NameResolutionError, socket.gaierror), "its name is not known to the DNS"),
    ((exceptions.NewConnectionError,), "no connection came about"),
    ((exceptions.ConnectTimeoutError,), "no connection came about in time"),
    ((exceptions.ReadTimeoutError, TimeoutError), "it took too long"),
    ((ssl.SSLCertVerificationError,), "its certificate is not valid for it"),
    ((exceptions.SSLError, ssl.SSLError), "no encrypted connection came about"),
    ((exceptions.ProxyError,), "the proxy did not let it through"),
    (
        (http.client.RemoteDisconnected, ConnectionError, EOFError, smtplib.SMTPServerDisconnected),
        "the connection was closed",
    ),
    ((http.client.HTTPException, exceptions.DecodeError), "what came back makes no sense"),
    ((exceptions.ProtocolError,), "the connection broke"),
    ((MemoryError,), _NO_MEMORY),
)
_OTHER: Final = "something unforeseen happened"


class Told(TypedDict):
    """What a ProviderError keeps of an exception."""

    detail: str
    reason: str
    code: str


def told(what: str, error: BaseException, text: str) -> Told:
    """Return the reason, and the detail with the exception's name and `text`, in which no secret stands any more."""
    reason, kind = f"{what}: {meaning(error)}.", type(error).__name__
    return {"detail": f"{reason} {kind}: {text}".removesuffix(": "), "reason": reason, "code": kind}


def meaning(error: BaseException) -> str:
    """Return what an exception means, from the innermost cause outwards: it knows best."""
    for each in reversed(list(_causes(error))):
        number = each.errno if isinstance(each, OSError) else None
        if number in _OF_NUMBERS:
            return _OF_NUMBERS[number]
        for kinds, words in _OF_CLASSES:
            if isinstance(each, kinds):
                return words
    return _OTHER


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what is behind it: as its cause, or as what urllib3 gives it as an argument."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        given = [part for part in following.args if isinstance(part, BaseException)]
        behind = None if following.__suppress_context__ else following.__context__
        following = given[-1] if given else following.__cause__ or behind
