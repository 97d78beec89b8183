"""An end to every wait: timeouts of sockets bound silence, these bound dripping as well."""

import socket
import time
from io import RawIOBase
from typing import Any, cast


def left(deadline: float) -> float:
    """Return the seconds until a moment on time.monotonic(); `TimeoutError` when it has passed."""
    if (seconds := deadline - time.monotonic()) <= 0:
        raise TimeoutError("the exchange took too long")
    return seconds


class Reader(RawIOBase):
    """Reads from a socket, waiting for no longer than `silence` at a time and never beyond the deadline."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, *, silence: float, deadline: float) -> None:
        """Take over the raw stream of a socket."""
        self._raw, self._sock = raw, sock
        self.silence, self.deadline = silence, deadline

    def readable(self) -> bool:
        """Say yes, as BufferedReader wants to know."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill the buffer with what comes; `TimeoutError` when nothing does."""
        self._sock.settimeout(min(self.silence, left(self.deadline)))
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        """Close the stream."""
        self._raw.close()
        super().close()
