"""The certificates that SNS signs with, fetched over TLS from the host that the caller has allowed, and kept.

Only successes are kept: a certificate that could not be had now may be had at the vendor's next try.
"""

import threading
import time

from cryptography import x509

from providers.errors import ProviderError
from providers.events import CannotVerify
from providers.wire import http

_SECONDS = 5.0  # SNS waits 15 for our answer
_PAUSE = 5.0  # after a failure, in which nothing is fetched: made-up names must not hold up the threads
_MOST = 32  # kept; SNS has a few in a region


class Certificates:
    """The certificates of one account. Thread-safe."""

    def __init__(self, transport: http.Transport | None = None) -> None:
        """Take the transport; it follows no redirect."""
        timeouts = http.Timeouts(connect=_SECONDS, read=_SECONDS, total=_SECONDS)
        self._transport = transport or http.Transport("sns", timeouts=timeouts, connections=2)
        self._lock = threading.Lock()
        self._known: dict[str, x509.Certificate] = {}
        self._paused_until = 0.0

    def get(self, url: str) -> x509.Certificate:
        """Return the certificate at this URL, which the caller has checked; raise CannotVerify if it cannot be had."""
        known = self._known.get(url)
        if known is None:
            self._check_pause()
            with self._lock:  # a burst of events asks once
                known = self._known.get(url) or self._fetch(url)
        return known

    def _check_pause(self) -> None:
        if time.monotonic() < self._paused_until:
            raise CannotVerify("The certificate of its signature could not be had a moment ago.")

    def _fetch(self, url: str) -> x509.Certificate:
        self._check_pause()
        try:
            found = self._asked(url)
        except CannotVerify:
            self._paused_until = time.monotonic() + _PAUSE
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[url] = found
        return found

    def _asked(self, url: str) -> x509.Certificate:
        try:
            answer = self._transport.get(url, {"User-Agent": "gomail"})
        except ProviderError as error:
            raise CannotVerify("The certificate of its signature cannot be had now.") from error
        if answer.status != 200:
            raise CannotVerify(f"The certificate of its signature cannot be had now: {answer.status}.")
        try:
            return x509.load_pem_x509_certificate(answer.body)
        except ValueError as error:
            raise CannotVerify("The certificate of its signature cannot be read.") from error
