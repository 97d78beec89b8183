"""A real SMTP server on loopback, with logins, a limit of size and recipients that it does not know."""

from collections import deque
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from tests.providers.fault_server import closed_port

LIMIT = 9_000_000


class Mailbox:
    """Keeps the envelopes it is given. Unknown are the recipients whose address says so."""

    def __init__(self, **options: Any) -> None:
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[str, str]] = []
        self.sessions: set[Any] = set()
        self._replies: deque[str] = deque()
        self._options = options

    def script(self, *replies: str) -> None:
        """Answer the next messages with these, one each, keeping them nevertheless; empty: hang up instead."""
        self._replies.extend(replies)

    def __enter__(self) -> "Mailbox":
        defaults = {"data_size_limit": LIMIT, "auth_require_tls": False, "authenticator": self._authenticate}
        self._controller = Controller(
            self, hostname="127.0.0.1", port=closed_port(), **(defaults | self._options)
        )
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(self, *context: Any) -> str:  # noqa: N802 - aiosmtpd's name
        _server, _session, envelope, address, _options = context
        if "unknown" in address:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        self.sessions.add(session.peer)
        if self._replies:
            reply = self._replies.popleft()
            if not reply:
                server.transport.abort()
            return reply
        return f"250 2.0.0 Ok: queued as Q{len(self.envelopes)}"

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        login = data.login.decode(), data.password.decode()
        self.logins.append(login)
        right = login == ("shop", "s3cret")
        return AuthResult(success=right, handled=right)
