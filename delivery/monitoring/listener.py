"""/metrics on a port of a worker's own, for machines that have no web process. One process of a machine answers there.

The others stand by: when it ends, the next one that tries has the port.
"""

import logging
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from delivery.monitoring import metrics

_STAND_BY: Final = 5.0  # seconds between two tries
_SLOWEST: Final = 5.0  # seconds of a client's silence
log = logging.getLogger(__name__)


def run(going_on: Callable[[], bool]) -> None:
    """Answer while it goes on."""
    while going_on():
        try:
            server = _Server(address(), _Asked)
        except OSError:  # another process has the port, or its network is not there yet
            time.sleep(_STAND_BY)
            continue
        log.info("Metrics are told on port %d", server.server_port)
        with server:
            while going_on():
                server.handle_request()


def address() -> tuple[str, int]:
    """Return where to listen: GOMAIL_METRICS_LISTEN is host:port."""
    parts = urlsplit(f"//{settings.GOMAIL_METRICS_LISTEN}")
    return parts.hostname or "", parts.port or 0


class _Server(ThreadingHTTPServer):
    """Looks now and then whether to go on."""

    timeout = 1.0

    def __init__(self, place: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""


class _Asked(BaseHTTPRequestHandler):
    """One connection."""

    timeout = _SLOWEST
    server_version, sys_version = "GoMail", ""

    def do_GET(self) -> None:
        """Answer with the metrics, or as if there were none."""
        shown = self.headers.get("Authorization", "")
        if self.path != "/metrics" or not metrics.may_be_read(shown, self.client_address[0]):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            told = metrics.read()
        finally:
            connection.close()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", metrics.CONTENT_TYPE)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        """Log nothing: it is asked again and again."""
