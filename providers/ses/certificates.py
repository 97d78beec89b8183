"""The certificates that SNS signs with, fetched over TLS from the host that the caller has allowed, and kept.

Only successes are kept: a certificate that could not be had now may be had at the vendor's next try.
"""

import threading

from cryptography import x509

from providers.errors import ProviderError
from providers.events import CannotVerify
from providers.wire import http

_SECONDS = 5.0  # SNS waits 15 for our answer
_MOST = 32  # kept; SNS has a few in a region


class Certificates:
    """The certificates of one account. Thread-safe."""

    def __init__(self, transport: http.Transport | None = None) -> None:
        """Take the transport; it follows no redirect."""
        timeouts = http.Timeouts(connect=_SECONDS, read=_SECONDS, total=_SECONDS)
        self._transport = transport or http.Transport("sns", timeouts=timeouts, connections=2)
        self._lock = threading.Lock()
        self._known: dict[str, x509.Certificate] = {}

    def get(self, url: str) -> x509.Certificate:
        """Return the certificate at this URL, which the caller has checked; raise CannotVerify if it cannot be had."""
        known = self._known.get(url)
        if known is None:
            with self._lock:  # a burst of events asks once
                known = self._known.get(url) or self._fetch(url)
        return known

    def _fetch(self, url: str) -> x509.Certificate:
        try:
            answer = self._transport.get(url, {"User-Agent": "gomail"})
        except ProviderError as error:
            raise CannotVerify("The certificate of its signature cannot be had now.") from error
        if answer.status != 200:
            raise CannotVerify(f"The certificate of its signature cannot be had now: {answer.status}.")
        try:
            found = x509.load_pem_x509_certificate(answer.body)
        except ValueError as error:
            raise CannotVerify("The certificate of its signature cannot be read.") from error
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[url] = found
        return found
