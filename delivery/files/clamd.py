r"""clamd's protocol: one question on one connection, with a deadline for all of it.

A command is `zNAME\0`. INSTREAM is followed by pieces, each behind its length in four bytes (big-endian), and four
zero bytes. The answer ends with a zero byte: `stream: OK`, `stream: NAME FOUND` or `… ERROR`. Beyond StreamMaxLength
clamd closes the connection while the file is still being sent, and its answer can be read all the same. (clamd(8);
measured with 1.4.)
"""

import socket
import struct
import time
from contextlib import suppress
from typing import BinaryIO
from urllib.parse import urlsplit

_PIECE = 64 * 1024
_LONGEST_ANSWER = 4096
_PORT = 3310


class Away(Exception):
    """clamd cannot be reached, does not answer in time, or breaks off."""


def address(url: str) -> str | tuple[str, int]:
    """Return the path of a unix:///… URL, or host and port of tcp://…; raise ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and not parts.netloc and parts.path:
        return parts.path
    if parts.scheme == "tcp" and parts.hostname and parts.path in ("", "/"):
        return parts.hostname, parts.port or _PORT
    raise ValueError("write unix:///run/clamav/clamd.ctl or tcp://host:3310")


def version(url: str, until: float) -> str:
    """Return the versions of clamd and of its signatures. `until`: by the monotonic clock. Raises Away."""
    return _asked(url, b"zVERSION\0", None, until)


def scan(url: str, content: BinaryIO, until: float) -> str:
    """Return clamd's answer about a file, without `stream: ` in front. Raises Away."""
    return _asked(url, b"zINSTREAM\0", content, until).removeprefix("stream: ")


def _asked(url: str, command: bytes, content: BinaryIO | None, until: float) -> str:
    try:
        with _connected(url, until) as connection:
            _send(connection, command, until)
            if content:
                with suppress(BrokenPipeError, ConnectionResetError):
                    _stream(connection, content, until)
            return _answer(connection, until)
    except TimeoutError as error:
        raise Away("it did not answer in time") from error
    except OSError as error:
        raise Away(f"it cannot be asked: {error}") from error


def _connected(url: str, until: float) -> socket.socket:
    where = address(url)
    if not isinstance(where, str):
        return socket.create_connection(where, timeout=_left(until))
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_left(until))
        connection.connect(where)
    except BaseException:
        connection.close()
        raise
    return connection


def _stream(connection: socket.socket, content: BinaryIO, until: float) -> None:
    while piece := content.read(_PIECE):
        _send(connection, struct.pack(">L", len(piece)) + piece, until)
    _send(connection, bytes(4), until)


def _send(connection: socket.socket, data: bytes, until: float) -> None:
    connection.settimeout(_left(until))
    connection.sendall(data)


def _answer(connection: socket.socket, until: float) -> str:
    """Return the whole answer; one without its end may be the beginning of another."""
    answer = b""
    while not answer.endswith(b"\0"):
        connection.settimeout(_left(until))
        piece = connection.recv(_LONGEST_ANSWER)
        if not piece or len(answer) > _LONGEST_ANSWER:
            raise Away("it broke off")
        answer += piece
    return answer[:-1].decode(errors="replace")


def _left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
