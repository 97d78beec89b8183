"""What this machine remembers of a database, in files beside the journal: a restored database does not take them back.

For each database a mark, how far it has been seen to go, and the lines of the journal that it does not know.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from delivery import journal
from delivery.files import storage
from delivery.journal import Entry

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far this machine has seen one database go."""

    machine: str = field(default_factory=lambda: str(uuid4()))  # this folder's, for this database
    generation: int = 0
    number: int = 0
    verified: Mapping[str, int] = field(default_factory=dict)  # bytes of each journal that the database knows
    rechecked: str = ""  # the state of the database for which all lines were looked up again
    boot: str = ""  # of this machine, since which the following two count
    offset: float = 0.0  # seconds from the machine's uptime to the database's clock, as far as it matters
    jumped_at: float | None = None  # uptime at which the database's clock was seen to jump


@contextmanager
def alone() -> Iterator[None]:
    """Let one process of this machine at a time look and remember."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "marks.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def mark(name: UUID) -> Mark | None:
    """Return what is remembered of this database; None: this machine has never seen it."""
    try:
        said = json.loads((_folder() / f"{name}.mark").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        log.exception("The mark of database %s cannot be read; this machine begins anew", name)
        return None
    return Mark(**{key: value for key, value in said.items() if key in Mark.__annotations__})


def remember(name: UUID, remembered: Mark) -> None:
    """Keep a mark, on disk when this returns."""
    _write(_folder() / f"{name}.mark", json.dumps(asdict(remembered)))


def kept(name: UUID) -> dict[str, Entry]:
    """Return the lines that this database does not know, by attempt."""
    return {entry.attempt: entry for entry in journal.read(_kept(name))}


def keep(name: UUID, entries: Iterable[Entry]) -> None:
    """Keep further ones, on disk when this returns."""
    _write_lines(_kept(name), kept(name) | {entry.attempt: entry for entry in entries})


def drop(name: UUID, attempts: Iterable[str]) -> None:
    """Forget lines that the database knows by now."""
    gone = set(attempts)
    if gone:
        left = {attempt: entry for attempt, entry in kept(name).items() if attempt not in gone}
        _write_lines(_kept(name), left)


def archive(name: UUID, attempts: Iterable[str], *, by: str) -> Path:
    """Put lines that have been told to a person into a file of their own, which nobody reads but people."""
    known, file = kept(name), _folder() / f"{name}-{by}.listed"
    told = set(attempts)
    _write_lines(file, {attempt: entry for attempt, entry in known.items() if attempt in told})
    drop(name, told)
    return file


def _kept(name: UUID) -> Path:
    return _folder() / f"{name}.kept"


def _folder() -> Path:
    return Path(settings.GOMAIL_JOURNAL_DIR)


def _write_lines(file: Path, entries: Mapping[str, Entry]) -> None:
    if entries:
        _write(file, "".join(journal.line(entry) for entry in entries.values()))
    else:
        file.unlink(missing_ok=True)
        storage.sync_directory(file.parent)


def _write(file: Path, content: str) -> None:
    unnamed = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(unnamed, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    unnamed.replace(file)
    storage.sync_directory(file.parent)
