"""Which keys a file has had so far: on disk, so that a file of any length takes no memory."""

import sqlite3
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path


class Seen:
    """The keys seen so far."""

    def __init__(self, file: str) -> None:
        """Keep them in this file, which nobody needs after a crash."""
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY)")

    def add(self, keys: Set[str]) -> set[str]:
        """Remember keys, and return those that were there before."""
        hashes = {_hash(key): key for key in keys}
        with self._database as opened:
            opened.execute("BEGIN")
            places = ",".join("?" * len(hashes))
            known = opened.execute(f"SELECT hash FROM seen WHERE hash IN ({places})", list(hashes))  # noqa: S608
            before = {hashes[each] for (each,) in known}
            opened.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(each,) for each in sorted(hashes)])
        return before

    def close(self) -> None:
        """Forget them."""
        self._database.close()


@contextmanager
def remembered() -> Iterator[Seen]:
    """Give an empty memory."""
    with tempfile.TemporaryDirectory(prefix="gomail-import-") as folder:
        memory = Seen(str(Path(folder) / "seen"))
        try:
            yield memory
        finally:
            memory.close()


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), signed=True)
