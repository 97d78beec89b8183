"""The suppression lists of four vendors on loopback: they are read by pages, written to, and taken off."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

DOMAIN = "mg.example.org"
NOON = 1_793_534_400  # 2026-11-01T12:00:00Z
_ADDRESSES = "/v2/email/suppression/addresses"


@dataclass
class Vendors:
    """What is on the lists; each entry is a row in its vendor's words, by its address."""

    lists: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {
            name: {}
            for name in (
                *("ses", "mandrill", "bounces", "spam_reports", "invalid_emails", "unsubscribes"),
                *("mailgun bounces", "mailgun complaints", "mailgun unsubscribes"),
            )
        }
    )
    calls: list[str] = field(default_factory=list)  # method and path with its query
    refused: dict[str, tuple[int, Any]] = field(default_factory=dict)  # by the beginning of a path
    waits: dict[str, threading.Event] = field(default_factory=dict)  # the same: answered once it is set
    url: str = ""

    def variables(self) -> dict[str, str]:
        """Return the variables of the four accounts."""
        return {
            "AWS_SES_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test-access-key-id",
            "AWS_SECRET_ACCESS_KEY": "test-secret-access-key",
            "AWS_SES_ENDPOINT_URL": self.url,
            "SENDGRID_API_KEY": "SG.test-sendgrid-key",
            "SENDGRID_BASE_URL": self.url,
            "MAILGUN_API_KEY": "key-test",
            "MAILGUN_DOMAIN": DOMAIN,
            "MAILGUN_BASE_URL": self.url,
            "MANDRILL_API_KEY": "md-test",
            "MANDRILL_BASE_URL": self.url,
        }

    def having(self, address: str) -> list[str]:
        """Return the lists that have an address."""
        return [name for name, rows in self.lists.items() if address in rows]

    def bounce(self, address: str, at: int = NOON) -> None:
        """Put an address on SendGrid's list of bounces."""
        self.lists["bounces"][address] = {
            "created": at,
            "email": address,
            "reason": "550 No such user",
            "status": "5.1.1",
        }

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        """Do what a request asks."""
        self.calls.append(f"{method} {target}")
        parts = urlsplit(target)
        for start, event in self.waits.items():
            if parts.path.startswith(start):
                event.wait(60)
        refusals = [refusal for start, refusal in self.refused.items() if parts.path.startswith(start)]
        return refusals[0] if refusals else self._answer(method, parts, json.loads(body) if body else {})

    def _answer(self, method: str, parts: SplitResult, given: Any) -> tuple[int, Any]:
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith(_ADDRESSES):
            return self._ses(method, unquote(parts.path.removeprefix(_ADDRESSES)).strip("/"), query, given)
        if parts.path.startswith("/rejects/"):
            return self._mandrill(parts.path.removeprefix("/rejects/").removesuffix(".json"), given)
        if parts.path.startswith(f"/v3/{DOMAIN}/"):
            name, _, address = parts.path.removeprefix(f"/v3/{DOMAIN}/").partition("/")
            return self._mailgun(method, f"mailgun {name}", unquote(address), query, given)
        name, _, address = parts.path.removeprefix("/v3/suppression/").partition("/")
        if parts.path.startswith("/v3/asm/suppressions/global"):
            name, address = "unsubscribes", parts.path.removeprefix("/v3/asm/suppressions/global").strip("/")
        return self._sendgrid(method, name, unquote(address), query, given)

    def _ses(self, method: str, address: str, query: dict[str, str], given: Any) -> tuple[int, Any]:
        rows = self.lists["ses"]
        if method == "PUT":
            rows[given["EmailAddress"]] = {**given, "LastUpdateTime": NOON}
            return 200, {}
        if method == "DELETE":
            return (
                (200, {})
                if rows.pop(address, None)
                else (404, {"message": "no", "__type": "NotFoundException"})
            )
        page, following = _page(rows, int(query.get("NextToken", "0")), int(query["PageSize"]))
        return 200, {
            "SuppressedDestinationSummaries": page,
            **({"NextToken": str(following)} if following else {}),
        }

    def _sendgrid(
        self, method: str, name: str, address: str, query: dict[str, str], given: Any
    ) -> tuple[int, Any]:
        rows = self.lists[name]
        if method == "POST":
            rows.update({one: {"created": NOON, "email": one} for one in given["recipient_emails"]})
            return 201, given
        if method == "DELETE":
            return (204, None) if rows.pop(address, None) else (404, {"errors": [{"message": "not found"}]})
        since = {one: row for one, row in rows.items() if row["created"] >= int(query["start_time"])}
        return 200, _page(since, int(query["offset"]), int(query["limit"]))[0]

    def _mailgun(
        self, method: str, name: str, address: str, query: dict[str, str], given: Any
    ) -> tuple[int, Any]:
        rows = self.lists[name]
        if method == "POST":
            rows.update({row["address"]: row for row in given})
            return 200, {"message": f"{len(given)} addresses have been added"}
        if method == "DELETE":
            return (200, {"message": "gone"}) if rows.pop(address, None) else (404, {"message": "not found"})
        page, following = _page(rows, int(query.get("page", "0")), int(query["limit"]))
        path = f"/v3/{DOMAIN}/{name.removeprefix('mailgun ')}"
        place = following or len(rows)
        return 200, {
            "items": page,
            "paging": {"next": f"https://elsewhere.example{path}?page={place}&limit=1000"},
        }

    def _mandrill(self, call: str, given: Any) -> tuple[int, Any]:
        rows = self.lists["mandrill"]
        if call == "add":
            rows[given["email"]] = {"email": given["email"], "reason": "custom"}
            return 200, {"email": given["email"], "added": True}
        if call == "delete":
            return 200, {"email": given["email"], "deleted": rows.pop(given["email"], None) is not None}
        return 200, list(rows.values())[:1000]


def _page(rows: dict[str, Any], start: int, size: int) -> tuple[list[Any], int]:
    """Return the rows from a place on, and the next place; 0 if that was all."""
    return list(rows.values())[start : start + size], start + size if len(rows) > start + size else 0


@contextmanager
def served() -> Iterator[Vendors]:
    """Serve all of them at one address."""
    vendors = Vendors()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = vendors.answer(self.command, self.path, body)
            content = b"" if told is None else json.dumps(told).encode()
            kind = told.get("__type", "") if isinstance(told, dict) else ""
            head = (
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            )
            named = f"x-amzn-ErrorType: {kind}\r\n" if kind else ""
            self.wfile.write(f"{head}{named}\r\n".encode() + content)

        def log_message(self, *args: Any) -> None:
            pass

    for verb in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    vendors.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield vendors
    finally:
        for event in vendors.waits.values():
            event.set()
        server.shutdown()
        server.server_close()
