"""A SQLite database with all tables and no rows: `manage.py migrate` needs ten seconds of a processor to make one.

TEST_MIGRATED=FOLDER lets runs of pytest that go on beside each other share it: the first that needs it leaves it there.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.paths import ROOT


@cache
def database() -> bytes:
    """Return its file, always the same."""
    return _shared(Path(folder).absolute()) if (folder := os.environ.get("TEST_MIGRATED")) else _made()


def is_shared() -> bool:
    """Tell whether other runs make it, too."""
    return bool(os.environ.get("TEST_MIGRATED"))


def _shared(folder: Path) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "migrated.sqlite3"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            part = folder / "part"
            part.write_bytes(_made())
            part.rename(whole)
    return whole.read_bytes()


def _made() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.sqlite3"
        environment = os.environ | {"DATABASE_URL": f"sqlite:///{path}"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        return path.read_bytes()
