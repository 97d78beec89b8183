"""A pgbouncer of a trial's own, in transaction mode: many threads share few connections to PostgreSQL."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from tests import servers
from tests.faults import processes
from tests.faults.processes import LeftOut

_STARTED = 20.0  # seconds


@contextmanager
def bounced(server: str, folder: Path, connections: int) -> Iterator[str]:
    """Return the URL by which the databases of this server are reached through no more than so many connections."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        raise LeftOut("there is no pgbouncer on this machine; few shared connections were NOT tried")
    port, settings = servers.free_port(), folder / "pgbouncer.ini"
    settings.write_text(_settings(urlsplit(server), port, connections))
    with (folder / "pgbouncer.log").open("w") as log:
        process = subprocess.Popen([program, str(settings)], stdout=log, stderr=log, start_new_session=True)
    try:
        processes.eventually(lambda: servers.listening(port), seconds=_STARTED)
        yield f"postgres://anybody@127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


def _settings(server: SplitResult, port: int, connections: int) -> str:
    host, user = _host(server), server.username or "postgres"
    password = f" password={server.password}" if server.password else ""
    return "\n".join(
        (
            "[databases]",
            f"* = host={host} port={server.port or 5432} user={user}{password}",
            "[pgbouncer]",
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
            "auth_type = any",
            f"pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500",
            *([f"user = {_unprivileged(host)}"] if os.geteuid() == 0 else []),
            "",
        )
    )


def _host(server: SplitResult) -> str:
    """Return the server's address, or the folder of its socket."""
    return server.hostname or parse_qs(server.query).get("host", ["127.0.0.1"])[0]


def _unprivileged(host: str) -> str:
    """Return who may open the socket: pgbouncer does not run as root."""
    return Path(host).team() if host.startswith("/") else "nobody"
