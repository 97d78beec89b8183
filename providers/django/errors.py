"""Classifies the exceptions of Django's email backends: those of django-anymail, of requests below it, of smtplib.

The vendor is not known here, so an ambiguous answer is read in the safe way: only a mail that was clearly not
accepted is offered to another provider, any other is unknown.
"""

import json
import re
import smtplib
import socket
import ssl
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers.errors import (
    AccountProblem,
    CannotCarry,
    Exhausted,
    ProviderError,
    RecipientsRefused,
    SenderRefused,
    Throttled,
    Unavailable,
    Unknown,
)
from providers.smtp.errors import Reply, Reporter
from providers.wire import http, network_errors, shortage, waiting
from providers.wire import words as vendor

# Functions of socket, ssl and urllib3 whose exceptions come before a request is written.
_CONNECTING = frozenset({"create_connection", "do_handshake"})

# The first match decides: patterns of the text of a 4xx answer.
_BY_TEXT: tuple[tuple[str, type[ProviderError]], ...] = (
    (
        r"not (been |yet )?(verified|validated)|unverified|sender (signature|you used)|unconfigured sending"
        r"|invalid.sender|unsigned",
        SenderRefused,
    ),
    (
        r"credit|quota|suspend|pending approval|api.?key|\btoken|not allowed to send|payment|billing|account"
        r"|unauthori[sz]ed|test-mode-limit",
        AccountProblem,
    ),
    (r"inactive recipient|(invalid|parsing) '(to|cc|bcc)'|recipient address", RecipientsRefused),
)


def foreign() -> tuple[type[Exception], ...]:
    """Return the exceptions that third-party code may raise, except those that end a process."""
    from anymail.exceptions import AnymailError  # type: ignore[import-untyped]
    from requests import RequestException

    known = (ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, NameError)
    return (*known, OSError, RuntimeError, TypeError, ValueError, RequestException, AnymailError)


def classified(
    name: str,
    error: Exception,
    refused: Mapping[str, str],
    hide: Iterable[str],
    quotable: Iterable[str] = (),
) -> ProviderError:
    """Return our error for an exception of a backend; quotable: what its words may quote of the message."""
    from anymail import exceptions  # type: ignore[import-untyped]

    secrets = tuple(hide)
    if isinstance(error, smtplib.SMTPException):
        return _of_smtp(error, Reporter(name, secrets))
    detail = f"{name}: {type(error).__name__}: {http.said(_words(error), secrets)}"
    if isinstance(error, exceptions.AnymailRecipientsRefused):
        told = "; ".join(f"{address}: {status}" for address, status in refused.items())
        kind = _by_text(_words(error), RecipientsRefused, quotable)
        return kind(f"{name} refused {told}: {http.said(_words(error), secrets)}", code="recipients")
    if isinstance(error, exceptions.AnymailAPIError):
        if error.response is None:
            cause = error.__cause__ or error
            return _of_network(cause)(**_told(name, cause, secrets))
        return _of_api(error, detail, quotable)
    unsent = (
        exceptions.AnymailInvalidAddress,
        exceptions.AnymailUnsupportedFeature,
        exceptions.AnymailSerializationError,
    )
    if isinstance(error, unsent):
        return CannotCarry(detail, code=type(error).__name__)
    return _of_network(error)(**_told(name, error, secrets))


def unopened(name: str, error: Exception, hide: Iterable[str]) -> ProviderError:
    """Return our error for a backend that could not be opened: nothing was sent."""
    return Reporter(name, hide).unopened(error)


def _told(name: str, error: BaseException, secrets: Iterable[str]) -> network_errors.Told:
    return network_errors.told(f"{name}: the backend failed", error, http.said(_words(error), secrets))


def _words(error: Any) -> str:
    """Return the vendor's answer, or else the exception's text; never the request."""
    response = getattr(error, "response", None)
    return response.text if response is not None else str(error).partition("\n")[0]


def _of_api(error: Any, detail: str, quotable: Iterable[str]) -> ProviderError:
    response = error.response
    status = response.status_code
    if status < 300 or status >= 500 or status == 408:
        return Unknown(detail, code=str(status))
    if status == 429:
        pause = waiting.seconds(response.headers.get("Retry-After", ""))
        return Throttled(detail, code=str(status), retry_after=pause)
    return _of_refusal(status, response, quotable)(detail, code=str(status))


def _of_refusal(status: int, response: Any, quotable: Iterable[str]) -> type[ProviderError]:
    """Return the error for a 4xx answer by its text; an answer that is not JSON means a wrong address."""
    if not response.text.lstrip().startswith(("{", "[")):
        return AccountProblem
    about_mail = status in {400, 406, 409, 413, 422}
    return _by_text(response.text, CannotCarry if about_mail else AccountProblem, quotable)


def _by_text(words: str, otherwise: type[ProviderError], quotable: Iterable[str]) -> type[ProviderError]:
    for says, kind in _BY_TEXT:
        if re.search(says, words, re.IGNORECASE):
            return vendor.judged(kind, says, _sentences(words), quotable)
    return otherwise


def _sentences(answer: str) -> str:
    """Return the texts in a JSON answer without the quotes that JSON puts around them; else the answer."""
    try:
        return " ; ".join(_texts(json.loads(answer)))
    except (ValueError, RecursionError):
        return answer


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _of_network(error: BaseException) -> type[ProviderError]:
    """Return Unavailable or Exhausted for errors known to come before a request is written; else Unknown."""
    from requests import exceptions

    unusable = (exceptions.InvalidURL, exceptions.MissingSchema, exceptions.InvalidSchema)
    if isinstance(error, (*unusable, exceptions.InvalidHeader)):
        return AccountProblem
    before = (
        exceptions.ConnectTimeout,
        exceptions.ProxyError,
        ConnectionRefusedError,
        socket.gaierror,
        ssl.SSLCertVerificationError,
    )
    unsent = isinstance(error, before) or _never_connected(error)
    if (unsent or shortage.is_of_opening(error)) and shortage.explains(error):
        return Exhausted
    return Unavailable if unsent else Unknown


def _never_connected(error: BaseException) -> bool:
    """Tell whether connecting failed; requests reports a stalled handshake as a ReadTimeout.

    Only the causes named by requests and urllib3 are examined, never the context: after a failover it is the first
    provider's error.
    """
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    named = (error, reason, getattr(reason, "__cause__", None), *getattr(reason, "args", ()))
    return isinstance(reason, NewConnectionError) or any(_began_in_connecting(one) for one in named)


def _began_in_connecting(error: object) -> bool:
    frames = traceback.walk_tb(error.__traceback__) if isinstance(error, BaseException) else ()
    return any(frame.f_code.co_name in _CONNECTING for frame, _ in frames)


def _of_smtp(error: smtplib.SMTPException, report: Reporter) -> ProviderError:
    """Return the error of Django's SMTP backend, which does not tell whether the final dot was written."""
    opening = smtplib.SMTPConnectError | smtplib.SMTPHeloError | smtplib.SMTPAuthenticationError
    if isinstance(error, opening | smtplib.SMTPNotSupportedError) or type(error) is smtplib.SMTPException:
        return report.unopened(error)
    if isinstance(error, smtplib.SMTPSenderRefused):
        return report.of_sender(_reply(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return report.of_recipients(
            {address: _reply(code, text) for address, (code, text) in error.recipients.items()}
        )
    if isinstance(error, smtplib.SMTPDataError):
        return report.of_content(_reply(error.smtp_code, error.smtp_error))
    return report.lost(error, dotted=True)


def _reply(code: int, text: bytes | str) -> Reply:
    return Reply(code=code, text=text if isinstance(text, str) else text.decode(errors="replace"))
