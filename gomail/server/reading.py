"""Reading from a client in bounded time: a deadline, a longest silence, and a slowest pace."""

import io
import socket
import time

from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader

from gomail.server.turns import turns

HEAD_SECONDS = 10.0  # for the request line and the headers, from their first byte
SILENCE_SECONDS = 10.0  # between two pieces of a body
BODY_SECONDS = 300.0  # for the whole of it: 12 MB at 0.33 Mbit/s
# A body's slowest pace, 16 kbit/s: a telephone's worst line. So many seconds may a client be behind it: a tunnel, a
# change of cells. Only the time that we wait for the client counts, none that it waits for us.
SLOWEST_BYTES_PER_SECOND = 2000
BEHIND_SECONDS = 10.0
_BRISK_BYTES_PER_SECOND = 16_000  # who is slower than this goes first when there is no room


class TooSlow(errors.ParseException):  # type: ignore[misc]
    """The request did not come in time."""


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a socket until a deadline, waits for no piece too long, and for no client that is too slow."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.greeting = b""  # what the client waits for before it sends its body
        self._dropped = False
        self._since: float | None = None  # when the wait that goes on began
        self.allow(HEAD_SECONDS)

    def allow(self, seconds: float, *, pace: float = 0) -> None:
        """Set the deadline, from now on, and the bytes per second that must come meanwhile."""
        self._deadline = time.monotonic() + seconds
        self._pace = pace
        self._waited, self._received = 0.0, 0

    def feed(self, data: bytes) -> None:
        """Take what somebody else has read, after what is there already."""
        self.buf.seek(0, io.SEEK_END)
        self.buf.write(data)

    def drop(self) -> None:
        """Give the client up; for another thread. Who waits for it gets TooSlow."""
        self._dropped = True
        self.sock.shutdown(socket.SHUT_RD)

    def seconds_behind(self) -> float | None:
        """Return by how much the client is behind a brisk one, while it is being waited for."""
        since = self._since
        if since is None or self._dropped:
            return None
        waited = self._waited + time.monotonic() - since
        return waited - self._received / _BRISK_BYTES_PER_SECOND

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece; raise TooSlow if it does not come."""
        begun = time.monotonic()
        left = self._left(begun)
        if left <= 0 or self._dropped:
            raise TooSlow
        self.sock.settimeout(left)
        self._greet()
        with turns.given_back():
            data = self._wait(size_hint)
        if self._dropped:
            raise TooSlow
        self._received += len(data)
        return data

    def _wait(self, size_hint: int | None) -> bytes:
        self._since = begun = time.monotonic()
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError as error:
            raise TooSlow from error
        finally:
            self._since = None
            self._waited += time.monotonic() - begun
        return data

    def _left(self, now: float) -> float:
        left = min(self._deadline - now, SILENCE_SECONDS)
        if self._pace:
            left = min(left, BEHIND_SECONDS + self._received / self._pace - self._waited)
        return left

    def _greet(self) -> None:
        greeting, self.greeting = self.greeting, b""
        if greeting:
            self.sock.sendall(greeting)
