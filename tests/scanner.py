"""A real clamd with the configuration that deploy/ ships and one signature, and stand-ins that misbehave."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from delivery.files import clamd
from tests.paths import ROOT
from tests.servers import free_port

# In two halves, so that no file of ours is flagged. https://www.eicar.org/download-anti-malware-testfile/
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
_STARTS_WITHIN = 60.0  # seconds


class Clamd:
    """A clamd that this test started."""

    def __init__(self, folder: Path, changes: dict[str, str]) -> None:
        self.url, self.tcp = f"unix://{folder}/socket", f"tcp://127.0.0.1:{free_port()}"
        (folder / "signatures").mkdir()
        (folder / "signatures" / "local.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
        here = {
            "LocalSocket": f"{folder}/socket",
            "TCPSocket": self.tcp.rpartition(":")[2],
            "TCPAddr": "127.0.0.1",
            "DatabaseDirectory": f"{folder}/signatures",
            "TemporaryDirectory": str(folder),
            "LogFile": f"{folder}/log",
        }
        self._file = folder / "clamd.conf"
        lines = _shipped() | here | changes
        self._file.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [_program(), "--foreground", "--config-file", str(self._file)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._answers():
            assert self._process.poll() is None, f"clamd ended: {self._file.with_name('log').read_text()}"
            assert time.monotonic() < deadline, "clamd did not start"
            time.sleep(0.05)

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with suppress(clamd.Away):
            return bool(clamd.version(self.url, time.monotonic() + 1))
        return False


@contextmanager
def running(folder: Path, **changes: str) -> Iterator[Clamd]:
    """Run clamd; where there is none, the test is left out or, in CI, fails."""
    if not _program():
        reason = "NO CLAMD (apt-get install clamav-daemon): the scanning of attachments was NOT tried."
        (pytest.fail if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else pytest.skip)(reason)
    one = Clamd(folder, changes)
    one.start()
    try:
        yield one
    finally:
        one.kill()


class Fake:
    """A scanner that knows its version, and does with files what it is told."""

    def __init__(self, behaviour: Callable[[socket.socket], None]) -> None:
        self.behaviour, self.version = behaviour, b"Fake 1/1\0"
        self.files = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            command = _line(connection)
            if command == b"zVERSION":
                connection.sendall(self.version)
            else:
                self.files += 1
                self.behaviour(connection)


def says(answer: bytes) -> Callable[[socket.socket], None]:
    """Return the behaviour of reading the file and answering so."""

    def behave(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while length := struct.unpack(">L", stream.read(4))[0]:
                stream.read(length)
        connection.sendall(answer)

    return behave


def breaks_off(connection: socket.socket) -> None:
    """Read a piece, and die."""
    connection.recv(1000)


def hangs(connection: socket.socket) -> None:
    """Read nothing, and say nothing for longer than anybody waits."""
    time.sleep(60)


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\0"):
        line += connection.recv(1)
    return line[:-1]


def is_here() -> bool:
    """Whether this machine has a clamd."""
    return bool(_program())


def _program() -> str:
    return shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin") or ""


def _shipped() -> dict[str, str]:
    """Return the configuration of deploy/, without the user that the image has."""
    lines = (ROOT / "deploy" / "clamd.conf").read_text().splitlines()
    pairs = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    return {name: value for name, value in pairs if name != "User"}
