"""One connection to an SMTP server. It knows whether the final dot was written, and limits the time of each message."""

import smtplib
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from typing import Any

from providers.smtp.errors import Reply, Reporter
from providers.wire import http, shortage, trust
from providers.wire.deadlines import Reader, left

NONE, STARTTLS, TLS = "none", "starttls", "tls"
_NAMELESS = "[127.0.0.1]"


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Sender, recipients and size of a message."""

    sender: str
    recipients: Sequence[str]
    size: int  # bytes of the message


class PhaseSMTP(smtplib.SMTP):
    """smtplib's client with a deadline for each message, which is streamed.

    smtplib's own `sendmail` raises the same error before and after the message was accepted, discards the server's
    last reply, and holds a message of 7 MB in memory three times.
    """

    def __init__(self, host: str, port: int, *, security: str, timeouts: http.Timeouts) -> None:
        """Connect and send EHLO; raises the errors of smtplib."""
        self.dotted = False  # whether the final dot of a message may have been written
        self.sent = 0  # messages over this connection
        self._security = security
        self._timeouts = timeouts
        self._reader: Reader | None = None
        self.begin()
        super().__init__(host, port, local_hostname=_own_name(), timeout=timeouts.connect)
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Start the deadline of a message."""
        self.dotted = False
        self._deadline = time.monotonic() + self._timeouts.total
        self._silence(self._timeouts.read)

    def is_alive(self) -> bool:
        """Tell whether this idle connection still works."""
        self._silence(self._timeouts.connect)
        try:
            return self.rset()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False
        finally:
            self._silence(self._timeouts.read)

    def deliver(
        self, envelope: Envelope, pieces: Iterable[bytes], report: Reporter
    ) -> tuple[Reply, dict[str, str]]:
        """Return the reply to the message, and the refused recipients {address: reason}; raise a ProviderError."""
        refused = self.announce(envelope, report)
        reply = _reply(self.docmd("data"))
        if reply.code != 354:
            raise report.of_content(reply)
        reply = self._write(pieces)
        self.sent += 1
        if reply.is_positive:
            return reply, refused
        raise report.of_content(reply) if reply.is_refusal else report.unclear(reply)

    def announce(self, envelope: Envelope, report: Reporter) -> dict[str, str]:
        """Send the envelope; return the refused recipients {address: reason}; raise a ProviderError."""
        if 0 < self.limit < envelope.size:
            raise report.too_large(envelope.size, self.limit)
        options = [f"size={envelope.size}"] if self.has_extn("size") else []
        reply = _reply(self.mail(envelope.sender, options))
        if not reply.is_positive:
            raise report.of_sender(reply)
        refused = self._name(envelope.recipients, report)
        return {address: f"{no.code} {no.text}" for address, no in refused.items()}

    @property
    def limit(self) -> int:
        """The server's size limit in bytes, as announced after EHLO; 0: unknown."""
        size = self.esmtp_features.get("size", "")
        return int(size) if size.isdecimal() and len(size) < 16 else 0

    def send(self, s: Any) -> None:
        """Send within the remaining time."""
        if self.sock:
            self.sock.settimeout(min(self._timeouts.read, left(self._deadline)))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply within the remaining time."""
        if self.file is None and self.sock:
            raw: Any = self.sock.makefile("rb", buffering=0)
            silence, deadline = self._timeouts.read, self._deadline
            self._reader = Reader(raw, self.sock, silence=silence, deadline=deadline)
            self.file = BufferedReader(self._reader)
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect; an internal hook of smtplib, which SMTP_SSL overrides in the same way."""
        sock = socket.create_connection((host, port), min(timeout, left(self._deadline)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the dot must not wait for the rest
        return trust.context().wrap_socket(sock, server_hostname=host) if self._security == TLS else sock

    def _greet(self) -> None:
        self.ehlo_or_helo_if_needed()
        if self._security == STARTTLS:
            self.starttls(context=trust.context())
            self.ehlo_or_helo_if_needed()

    def _name(self, recipients: Sequence[str], report: Reporter) -> dict[str, Reply]:
        """Return the permanently refused recipients; raise if it is all of them, or one is refused temporarily."""
        replies = {address: _reply(self.rcpt(address)) for address in recipients}
        refused = {address: reply for address, reply in replies.items() if not reply.is_positive}
        if len(refused) == len(replies) or any(reply.is_temporary for reply in refused.values()):
            raise report.of_recipients(refused)
        return refused

    def _write(self, pieces: Iterable[bytes]) -> Reply:
        for piece in _stuffed(pieces):
            self.send(piece)
        self.dotted = True
        self.send(b".\r\n")
        return _reply(self.getreply())

    def _silence(self, seconds: float) -> None:
        if self._reader:
            self._reader.silence, self._reader.deadline = seconds, self._deadline


def _stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Double each dot at the beginning of a line, even across pieces; end with a line end."""
    last = b"\r\n"
    for piece in pieces:
        yield (last + piece).replace(b"\r\n.", b"\r\n..")[len(last) :]
        last = (last + piece[-2:])[-2:]
    if last != b"\r\n":
        yield b"\r\n"


def _reply(answer: tuple[int, bytes]) -> Reply:
    code, text = answer
    return Reply(code=code, text=text.decode(errors="replace"))


def _own_name() -> str:
    """Return our name for EHLO."""
    try:
        return _looked_up_name()
    except _NotNow:
        return _NAMELESS


@cache
def _looked_up_name() -> str:
    """Look the name up once per process: it may take seconds. For want of files it is not found: raises `_NotNow`."""
    name = socket.getfqdn()
    if "." in name:
        return name
    if shortage.is_here():
        raise _NotNow
    return _NAMELESS


class _NotNow(Exception):
    """To be looked up again."""
