"""The lines of this machine's journal, and how one is overwritten where it stands.

A process appends to its file at any time and reads others' by position, so no file gets shorter, longer or another
name, and a line can be read before, after and in the middle of it, also when the machine fails.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from delivery.models import Attempt
from delivery.queue import watermark

_AT_ONCE: Final = 500  # lines whose emails are looked up together
_DONE: Final = ".full"  # a file that the database knows whole
_ENDINGS: Final = (".journal", _DONE, ".kept", ".listed")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One whole line of a file."""

    file: Path
    start: int  # its place in the file
    content: bytes
    email: UUID | None
    attempt: UUID | None
    outcome: str
    team: str  # as the journal writes it


def pieces() -> Iterator[list[Line]]:
    """Yield the lines of all files, some at a time."""
    some: list[Line] = []
    for file in _files():
        for line in _lines(file):
            some.append(line)
            if len(some) == _AT_ONCE:
                yield some
                some = []
    yield some


def owed(lines: Sequence[Line]) -> set[UUID | None]:
    """Return the attempts of which the database has not been told, or knows less."""
    attempts = Attempt.objects.filter(pk__in={line.attempt for line in lines if line.attempt})
    in_doubt = dict(attempts.filter(outcome__in=Attempt.IN_DOUBT).values_list("pk", "outcome"))
    return {line.attempt for line in lines if line.outcome != in_doubt.get(line.attempt, line.outcome)}  # type: ignore[arg-type]


def write(line: Line, content: bytes) -> bool:
    """Overwrite a line in its file, whatever that is called by now; return, with it on disk, whether it changed."""
    if content == line.content:
        return False
    handle = _opened(line.file)
    if handle is None:
        return False
    try:
        os.pwrite(handle, content, line.start)
        os.fsync(handle)
    finally:
        os.close(handle)
    return True


def read(content: bytes) -> Any:
    """Return what a line says; None if it was cut off."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def _files() -> Iterator[Path]:
    folder = Path(settings.GOMAIL_JOURNAL_DIR)
    return (file for ending in _ENDINGS for file in sorted(folder.glob(f"*{ending}")))


def _lines(file: Path) -> Iterator[Line]:
    start = 0
    for content in _content(file).splitlines(keepends=True):
        if content.endswith(b"\n") and isinstance(said := read(content), dict):
            yield Line(
                file=file,
                start=start,
                content=content,
                email=_id(said.get("email")),
                attempt=_id(said.get("attempt")),
                outcome=str(said.get("outcome")),
                team=str(said.get("team", "")),
            )
        start += len(content)


def _opened(file: Path) -> int | None:
    for name in (file, file.with_suffix(_DONE)):  # it may have been put aside since it was read
        with suppress(FileNotFoundError):
            return os.open(name, os.O_WRONLY)
    return None


def _content(file: Path) -> bytes:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""


def _id(text: Any) -> UUID | None:
    return UUID(text) if isinstance(text, str) and watermark.is_id(text) else None
