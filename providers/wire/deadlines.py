"""Deadlines for reading: a socket's timeout limits silence only, a deadline also limits a slow drip of bytes."""

import socket
import time
from io import RawIOBase
from typing import Any, cast


def left(deadline: float) -> float:
    """Return the seconds until a deadline on time.monotonic(); raise `TimeoutError` if it has passed."""
    if (seconds := deadline - time.monotonic()) <= 0:
        raise TimeoutError("the exchange took too long")
    return seconds


class Reader(RawIOBase):
    """Reads from a socket; each wait is limited by `silence` seconds and by the deadline."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, *, silence: float, deadline: float) -> None:
        """Wrap the raw stream of a socket."""
        self._raw, self._sock = raw, sock
        self.silence, self.deadline = silence, deadline

    def readable(self) -> bool:
        """Return True; BufferedReader asks."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read into the buffer; raise `TimeoutError` if nothing comes."""
        self._sock.settimeout(min(self.silence, left(self.deadline)))
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        """Close the stream."""
        self._raw.close()
        super().close()
