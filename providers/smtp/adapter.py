"""Any SMTP server, such as an organisation's own mail server.

A connection is used for up to 100 messages. The email's id is in X-GoMail-ID; the attempt's id is sent only to
servers of vendors that return it in their events.
"""

import json
import os
import re
import smtplib
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.base import Limits
from providers.errors import ProviderError
from providers.message import Message, Receipt
from providers.mime import build, headers
from providers.readiness import Readiness
from providers.smtp import readiness
from providers.smtp.dialog import NONE, STARTTLS, TLS, Envelope, PhaseSMTP
from providers.smtp.errors import Reporter
from providers.wire import body, http

_MOST_MESSAGES = 100  # over one connection
_LONGEST_REPLY = 200

# Where servers put the queue id into "250 ...": Postfix, Exim, Exchange, SES.
_QUEUE_IDS = (r"queued as ([^\s)]+)", r"\bid=(\S+)", r"<([^\s>]+)>", r"^(?:\d\.\d\.\d )?ok:? (\S+)$")

# Vendors whose servers read a header of the mail for the data to return in their events.
_IN_JSON = {
    r"smtp\.sendgrid\.net": ("X-SMTPAPI", '{"unique_args": %s}'),
    r"smtp(\.eu)?\.mailgun\.org": ("X-Mailgun-Variables", "%s"),
    r"smtp\.mandrillapp\.com": ("X-MC-Metadata", "%s"),
}
_AMAZON = r"email-smtp[\w.-]*\.amazonaws\.com(\.cn)?"

# The server announces its own size limit; every server takes 100 recipients (RFC 5321, 4.5.3.1.8).
LIMITS = Limits(max_bytes=40_000_000, max_recipients=100, is_relay=True)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One SMTP server and an account on it."""

    name: str = "smtp"
    host: str
    port: int = 587
    user: str = ""
    password: str = field(default="", repr=False)
    security: str = STARTTLS  # or TLS (implicit), or NONE
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = 32  # kept open at most

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values never to quote, plain and encoded."""
        plain = f"\0{self.user}\0{self.password}"
        coded = (b64encode(text.encode()).decode() for text in (plain, self.password) if self.password)
        return (self.password, *coded)


class SMTP:
    """One SMTP server."""

    type: ClassVar[str] = "smtp"

    def __init__(self, config: Config) -> None:
        """Configure the server; no connection is opened yet."""
        self.name = config.name
        self.limits = replace(LIMITS, special_use_domains=not _is_vendor(config.host))
        self._config = config
        self._report = Reporter(config.name, config.secrets)
        self._idle: deque[PhaseSMTP] = deque()
        self._owner = os.getpid()

    def __repr__(self) -> str:
        """Show the server without the password."""
        return f"SMTP({self.name!r}, host={self._config.host!r})"

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once; raise a ProviderError if not accepted."""
        body.verify(message.attachments)  # they are streamed: a server would have had half a mail
        lines = headers.block(_instructions(self._config.host, message, attempt_id))
        envelope = _envelope(lines, message)

        def deliver(dialog: PhaseSMTP) -> Receipt:
            reply, refused = dialog.deliver(envelope, _whole(lines, message), self._report)
            return Receipt(provider=self.name, message_id=queue_id(reply.text), refused=refused)

        return self._over_a_connection(deliver)

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Have a message's sender and recipients accepted, then reset; raises as send does."""
        envelope = _envelope(headers.block(_instructions(self._config.host, message, attempt_id)), message)

        def announce(dialog: PhaseSMTP) -> Receipt:
            refused = dialog.announce(envelope, self._report)
            dialog.rset()
            return Receipt(provider=self.name, message_id="", refused=refused)

        return self._over_a_connection(announce)

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether the server accepts a new connection and the login now. Sends nothing, raises nothing."""
        try:
            dialog = self._open()
        except ProviderError as error:
            return readiness.closed(error, senders, self.name)
        try:
            return readiness.opened(self.name, dialog.limit, senders, dialog.noop())
        except (smtplib.SMTPException, OSError) as error:
            return readiness.closed(self._report.unopened(error), senders, self.name)
        finally:
            _quit(dialog)

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            _quit(self._idle.pop())

    def _over_a_connection(self, use: Callable[[PhaseSMTP], Receipt]) -> Receipt:
        dialog = self._connected()
        try:
            receipt = use(dialog)
        except (smtplib.SMTPException, OSError, MemoryError) as error:
            dialog.close()
            raise self._report.lost(error, dotted=dialog.dotted) from error
        except BaseException:  # half a message may be on this connection
            dialog.close()
            raise
        self._keep(dialog)
        return receipt

    def _connected(self) -> PhaseSMTP:
        if self._owner != os.getpid():  # after a fork the connections belong to the parent
            self._idle, self._owner = deque(), os.getpid()
        while self._idle:
            try:
                dialog = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            dialog.begin()
            if dialog.is_alive():
                return dialog
            dialog.close()
        return self._open()

    def _open(self) -> PhaseSMTP:
        config = self._config
        try:
            dialog = PhaseSMTP(config.host, config.port, security=config.security, timeouts=config.timeouts)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._report.unopened(error) from None  # its replies may quote the login
        try:
            if config.user:
                dialog.login(config.user, config.password)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            dialog.close()
            raise self._report.unopened(error) from None
        return dialog

    def _keep(self, dialog: PhaseSMTP) -> None:
        if dialog.sent < _MOST_MESSAGES and len(self._idle) < self._config.connections:
            self._idle.append(dialog)
        else:
            _quit(dialog)


def read_url(url: str, *, name: str = "smtp") -> Config:
    """Return the server of a URL; raise `ValueError` with a clause that does not quote the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL; percent-encode special characters in the password") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "never" if _is_loopback(host) else "required") or "required"
    if parts.scheme not in {"smtp", "smtps"} or not host or parts.path.strip("/") or parts.fragment:
        raise ValueError("is not like smtp://user:password@host:587 or smtps://host")
    if options or starttls not in {"required", "never"}:
        raise ValueError("knows one option: starttls=required or starttls=never")
    security = TLS if parts.scheme == "smtps" else STARTTLS if starttls == "required" else NONE
    return Config(
        name=name,
        host=host,
        port=port or (465 if security == TLS else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        security=security,
    )


def queue_id(text: str) -> str:
    """Return the server's queue id from its last reply; the whole reply if there is none."""
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in _QUEUE_IDS)
    return next((match[1] for match in found if match), http.said(text))[:_LONGEST_REPLY]


def _envelope(lines: bytes, message: Message) -> Envelope:
    return Envelope(
        sender=message.sender.address,
        recipients=list(dict.fromkeys(box.address for box in message.recipients)),
        size=len(lines) + build.size(message),
    )


def _whole(lines: bytes, message: Message) -> Iterator[bytes]:
    if lines:
        yield lines
    yield from build.chunks(message)


def _instructions(host: str, message: Message, attempt_id: str) -> list[headers.Header]:
    if re.fullmatch(_AMAZON, host):
        return [headers.text("X-SES-MESSAGE-TAGS", f"gomail_attempt={attempt_id}")]
    ours = json.dumps({"gomail_attempt": attempt_id, "gomail_email": message.id})
    lines = [
        headers.text(name, form % ours)
        for server, (name, form) in _IN_JSON.items()
        if re.fullmatch(server, host)
    ]
    if host == "smtp.mandrillapp.com" and message.bcc:  # see providers.mandrill.adapter
        lines.append(headers.text("X-MC-PreserveRecipients", "false"))
    return lines


def _is_vendor(host: str) -> bool:
    """Tell whether a server is a vendor's, which delivers on the internet only."""
    return any(re.fullmatch(server, host) for server in (_AMAZON, *_IN_JSON))


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _quit(dialog: PhaseSMTP) -> None:
    try:
        dialog.begin()
        dialog.quit()
    except (smtplib.SMTPException, OSError):
        dialog.close()
