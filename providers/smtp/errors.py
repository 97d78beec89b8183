"""Classifies the replies of an SMTP server by the stage of the dialog, the code and the text."""

import re
import smtplib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from providers.errors import (
    AccountProblem,
    CannotCarry,
    Exhausted,
    NotAccepted,
    ProviderError,
    RecipientsRefused,
    Refused,
    SenderRefused,
    Throttled,
    Unavailable,
    Unknown,
)
from providers.wire import http, network_errors, shortage
from providers.wire import words as vendor

_QUOTA_PAUSE = 600.0  # seconds

_NO_LOGIN = frozenset({530, 534, 535, 538})
_THROTTLING = r"throttl|\brate\b|too (many|fast|much)|quota|limit"
_ACCOUNT = r"access denied|authenticat|relay|account|suspend|paused|disabled|credential|permission|quota"
_RELAYING = r"relay|authenticat"
_SENDER = r"not verified|sender|not authori[sz]ed to send|\bfrom\b"
_SIZE = r"message (size|length)|too (large|big|long)|size limit|exceeds"
# Refusals by rules of this server alone. RFC 3463: 5.2.3 and 5.3.4 are about the size, 5.6.x about the form.
_OWN_RULES = rf"{_SIZE}|\b5\.(2\.3|3\.4|6\.\d+)\b|duplicate header|attachment|file (name|type)|line length"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A server's reply to one command."""

    code: int  # -1: not SMTP at all
    text: str

    @property
    def is_positive(self) -> bool:
        """Whether the command succeeded."""
        return 200 <= self.code < 300

    @property
    def is_refusal(self) -> bool:
        """Whether the command was refused."""
        return 400 <= self.code < 600

    @property
    def is_temporary(self) -> bool:
        """Whether a later try may succeed; also for replies that make no sense."""
        return self.code < 500

    def says(self, pattern: str) -> bool:
        """Tell whether the text matches a pattern."""
        return bool(re.search(pattern, self.text, re.IGNORECASE))


class Reporter:
    """Makes the errors of one account; never quotes its secrets."""

    def __init__(self, name: str, hide: Iterable[str]) -> None:
        """Take the account's name in GOMAIL_PROVIDERS, and its secrets."""
        self._name = name
        self._hide = tuple(hide)

    def unopened(self, error: Exception) -> ProviderError:
        """Return the error for a connection that failed before MAIL: nothing was sent."""
        if isinstance(error, smtplib.SMTPResponseException):
            code, words = error.smtp_code, error.smtp_error
            reply = Reply(code=code, text=words if isinstance(words, str) else words.decode(errors="replace"))
            return self._error(Unavailable if reply.is_temporary else AccountProblem, reply)
        text = http.said(str(error), self._hide)
        if shortage.explains(error):
            return self._exhausted(error, text)
        broken = isinstance(error, smtplib.SMTPServerDisconnected | ssl.SSLError)
        # The server lacks STARTTLS or a login method, or its name is invalid.
        lacking = isinstance(error, smtplib.SMTPException | ValueError) and not broken
        if lacking:
            kind = type(error).__name__
            return AccountProblem(f"{self._name}: no connection, {kind}: {text}", code=kind)
        return Unavailable(**network_errors.told(f"{self._name}: no connection", error, text))

    def too_large(self, size: int, limit: int) -> ProviderError:
        """Return the error for a message beyond the limit that the server has announced."""
        return CannotCarry(f"{self._name} takes {limit / 1e6:.1f} MB, not {size / 1e6:.1f} MB", code="552")

    def lost(self, error: Exception, *, dotted: bool) -> ProviderError:
        """Return the error for a broken connection; it depends on whether the final dot was written."""
        text = http.said(str(error), self._hide)
        if dotted:
            return Unknown(
                **network_errors.told(f"{self._name}: the message was sent, but not answered", error, text)
            )
        if shortage.explains(error):
            return self._exhausted(error, text)
        return Unavailable(**network_errors.told(f"{self._name}: the message was not sent", error, text))

    def of_sender(self, reply: Reply) -> ProviderError:
        """Return the error for a refused MAIL."""
        if reply.is_temporary:
            return self._temporary(reply)
        if reply.code == 552 or reply.says(_SIZE):
            return self._error(CannotCarry, reply)
        return self._error(AccountProblem if reply.code in _NO_LOGIN else SenderRefused, reply)

    def of_recipients(self, refused: Mapping[str, Reply]) -> ProviderError:
        """Return the error for refused recipients; the first temporary refusal decides, else the first one."""
        told = {address: reply for address, reply in refused.items() if reply.is_temporary} or refused
        reply = next(iter(told.values()))
        detail = "; ".join(f"{address}: {each.code} {each.text}" for address, each in told.items())
        told_reply = Reply(code=reply.code, text=detail)
        if reply.is_temporary and reply.says(r"too many recipients"):
            return self._error(CannotCarry, told_reply)
        if reply.is_temporary:
            # One recipient's greylisting is not the server's failure.
            return self._error(NotAccepted if reply.code in {450, 451, 452} else Unavailable, told_reply)
        if reply.code in _NO_LOGIN:
            return self._error(AccountProblem, told_reply)
        if not reply.says(_RELAYING):
            return self._error(RecipientsRefused, told_reply)
        quotable = [part for address in told for part in address.split("@")]
        return self._error(vendor.judged(AccountProblem, _RELAYING, reply.text, quotable), told_reply)

    def of_content(self, reply: Reply) -> ProviderError:
        """Return the error for a refused DATA or message."""
        if reply.is_temporary:
            return self._temporary(reply)
        if reply.code == 552 or reply.says(_OWN_RULES):
            return self._error(CannotCarry, reply)
        if reply.says(_SENDER):
            return self._error(SenderRefused, reply)
        if reply.code in _NO_LOGIN:
            return self._error(AccountProblem, reply)
        if not reply.says(_ACCOUNT):
            return self._error(Refused, reply)
        return self._error(vendor.judged(AccountProblem, _ACCOUNT, reply.text), reply)

    def unclear(self, reply: Reply) -> ProviderError:
        """Return the error for a reply to a message that is neither an acceptance nor a refusal."""
        return self._error(Unknown, reply)

    def _exhausted(self, error: Exception, text: str) -> ProviderError:
        return Exhausted(**network_errors.told(f"{self._name}: this machine ran short", error, text))

    def _temporary(self, reply: Reply) -> ProviderError:
        if not reply.says(_THROTTLING):
            return self._error(Unavailable, reply)
        kind = vendor.judged(Throttled, _THROTTLING, reply.text)
        pause = _QUOTA_PAUSE if kind is Throttled and reply.says("quota") else None
        return self._error(kind, reply, pause=pause)

    def _error(self, kind: type[ProviderError], reply: Reply, *, pause: float | None = None) -> ProviderError:
        words = http.said(reply.text, self._hide)
        return kind(f"{self._name} answered {reply.code}: {words}", code=str(reply.code), retry_after=pause)
