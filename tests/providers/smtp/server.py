"""A loopback SMTP server that follows a script, and remembers every message whose final dot it has read.

    with ScriptedSMTP({"rcpt": b"550 no such user"}) as server:
        ...
        server.received           # messages, received to the final dot
        server.commands           # what was said before

A script names stages (connect, ehlo, auth, mail, rcpt, rcpt2, data, half, dot, rset) and what happens there in
place of the usual reply: another line, a `Cut` one, or `HANG`, `RESET`, `CLOSE`. `half` is amid the message.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HANG, RESET, CLOSE = "hang", "reset", "close"
USUAL = {
    "connect": b"220 scripted ESMTP",
    "ehlo": b"250-scripted\r\n250-SIZE 9000000\r\n250 AUTH PLAIN LOGIN",
    "auth": b"235 2.7.0 welcome",
    "data": b"354 go ahead",
    "dot": b"250 2.0.0 Ok: queued as 4F1A2B",
    "quit": b"221 bye",
}


@dataclass(frozen=True)
class Cut:
    """A reply that ends before its end, with the connection."""

    data: bytes


class ScriptedSMTP:
    """Listens on a free port of 127.0.0.1 from `with` on; each connection has its thread."""

    def __init__(self, script: Mapping[str, Any] = {}) -> None:
        self.script = dict(script)
        self.received: list[bytes] = []
        self.commands: list[str] = []
        self.connections = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()

    def __enter__(self) -> "ScriptedSMTP":
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                connection, _ = self._listener.accept()
                self.connections += 1
                self._sockets.add(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), connection, connection.makefile("rb") as stream:
            self._meet(connection, "connect")
            while line := stream.readline():
                command = line.decode(errors="replace").strip()
                self.commands.append(command)
                self._meet(connection, self._stage(command))
                if command.lower() == "data" and not self._refuses("data"):
                    self._take(connection, stream)

    def _stage(self, command: str) -> str:
        verb = command.partition(" ")[0].lower().replace("helo", "ehlo")
        recipients = len([line for line in self.commands if line.lower().startswith("rcpt")])
        numbered = f"rcpt{recipients}"
        return numbered if verb == "rcpt" and numbered in self.script else verb

    def _refuses(self, stage: str) -> bool:
        return stage in self.script and not self.script[stage].startswith(b"354")

    def _take(self, connection: socket.socket, stream: Any) -> None:
        lines = []
        if "half" in self.script:
            stream.read(1000)
            self._meet(connection, "half")
        while (line := stream.readline()) != b".\r\n":
            if not line:
                raise EOFError
            lines.append(line.removeprefix(b"."))
        self.received.append(b"".join(lines))
        self._meet(connection, "dot")

    def _meet(self, connection: socket.socket, stage: str) -> None:
        action = self.script.get(stage, USUAL.get(stage, b"250 ok"))
        if action == HANG:
            self._stop.wait(60)
        if action == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        data = action.data if isinstance(action, Cut) else b""
        if data or action in {HANG, RESET, CLOSE}:
            connection.sendall(data)
            connection.close()
            raise EOFError
        connection.sendall(action.rstrip(b"\n") + b"\r\n")
