"""A file that is kept open for nothing, so that a client can be told that there is none for it.

A process without a free file cannot even accept a connection to refuse it: the client would wait until its own time
is over, and nobody would say why.
"""

import os
import socket
import time
from contextlib import suppress

BREATH_SECONDS = 0.02


class Reserve:
    """One file, lent to one client at a time; of the main loop."""

    def __init__(self) -> None:
        """Open the file."""
        self._handle: int | None = os.open(os.devnull, os.O_RDONLY)

    def turn_away(self, listener: socket.socket, answer: bytes) -> None:
        """Give the answer to the client that waits, and close; take a breath at least, for there may be many."""
        self._lend()
        until = time.monotonic() + BREATH_SECONDS
        try:
            with suppress(OSError), listener.accept()[0] as sock:
                sock.settimeout(BREATH_SECONDS)
                _tell(sock, answer, until)
        finally:
            self._take_back()
        time.sleep(max(0.0, until - time.monotonic()))

    def _lend(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _take_back(self) -> None:
        with suppress(OSError):  # another thread was faster: next time
            self._handle = os.open(os.devnull, os.O_RDONLY)


def _tell(sock: socket.socket, answer: bytes, until: float) -> None:
    """Send the answer, and read what comes meanwhile: what is unread when we close would reset the connection."""
    sock.sendall(answer)
    sock.shutdown(socket.SHUT_WR)
    while time.monotonic() < until and sock.recv(65536):
        pass
