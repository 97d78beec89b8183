"""A RabbitMQ of a trial's own, which may be killed and is there again later."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import servers
from tests.faults import processes
from tests.faults.processes import LeftOut

_SCRIPTS = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # beside a wrapper in the path that changes the user
_STARTED = 120.0  # seconds


class Rabbit:
    """One node, with ports, a folder and a port mapper of its own."""

    def __init__(self, folder: Path) -> None:
        found = Path(_SCRIPTS) if Path(_SCRIPTS).exists() else shutil.which("rabbitmq-server")
        if not found:
            raise LeftOut("there is no rabbitmq-server on this machine; Celery was NOT tried")
        self._server = str(Path(found).resolve())
        self._port = servers.free_port()
        self._environment = os.environ | _environment(folder, self._port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """Return what tells GoMail where it is."""
        return {"CELERY_BROKER_URL": f"amqp://guest:guest@127.0.0.1:{self._port}/"}

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._server],
            env=self._environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        processes.eventually(lambda: servers.listening(self._port), seconds=_STARTED, pause=0.5)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            processes.eventually(lambda: not servers.listening(self._port), seconds=30)  # its children, too

    def close(self) -> None:
        try:
            self.kill()
        finally:
            subprocess.run(["epmd", "-kill"], env=self._environment, capture_output=True, check=False)


def _environment(folder: Path, port: int) -> dict[str, str]:
    (folder / "plugins").write_text("[].")
    return {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(servers.free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_NODENAME": f"gomail-faults-{os.getpid()}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(servers.free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }


@contextmanager
def rabbit(folder: Path) -> Iterator[Rabbit]:
    """Run one for the time of a trial."""
    folder.mkdir()
    node = Rabbit(folder)
    try:
        node.start()
        yield node
    finally:
        node.close()
