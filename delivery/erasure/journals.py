"""The journal of this machine: addresses of erased people are overwritten where they stand, with as many letters.

A process appends to its file at any time and reads others' by position, so no file gets shorter, longer or another
name. What is overwritten stands inside of a text in JSON, letter for letter: a line can be read before, after and in
the middle of it, also when the machine fails. Only lines are touched whose outcome the database has; a line that is
still owed to it belongs to an email that is being sent.

What stays proves, after a restore, that the email was sent; the fingerprint of its recipients does not, and it is put
in doubt then, never sent twice in silence.
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from delivery.content import tombstones
from delivery.erasure import reach
from delivery.erasure.reach import Reach
from delivery.models import Attempt, Email, Erasure, Recipient
from delivery.queue import watermark, watermark_notes

_AT_ONCE: Final = 500  # lines whose emails are looked up together
_ADDRESS = re.compile(rb"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)(@|%40)([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_BETWEEN = re.compile(rb"[^A-Za-z0-9._+-](?:(?<=%)[0-9A-Fa-f]{2})?")  # what may stand before an address
_ESCAPE = re.compile(rb"u[0-9A-Fa-f]{4}|[nrtbf]")
_NOBODY: Final = b"0"
_DONE: Final = ".full"  # a file that the database knows whole
_ENDINGS: Final = (".journal", _DONE, ".kept", ".listed")


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One whole line of a file."""

    file: Path
    start: int  # its place in the file
    content: bytes
    email: UUID | None
    attempt: UUID | None
    outcome: str


def overwrite(erasures: Collection[Erasure]) -> int:
    """Overwrite what this machine's journal holds of these people; return how many lines held something."""
    if not erasures:
        return 0
    named = {each.digest: reach.of(each) for each in erasures}
    with watermark_notes.alone():
        return sum(_overwrite_some(some, named) for some in _pieces(_files()))


def _files() -> Iterator[Path]:
    folder = Path(settings.GOMAIL_JOURNAL_DIR)
    return (file for ending in _ENDINGS for file in sorted(folder.glob(f"*{ending}")))


def _pieces(files: Iterator[Path]) -> Iterator[list[_Line]]:
    some: list[_Line] = []
    for file in files:
        for line in _lines(file):
            some.append(line)
            if len(some) == _AT_ONCE:
                yield some
                some = []
    yield some


def _lines(file: Path) -> Iterator[_Line]:
    start = 0
    for content in _content(file).splitlines(keepends=True):
        if content.endswith(b"\n") and isinstance(said := _read(content), dict):
            email, attempt = _id(said.get("email")), _id(said.get("attempt"))
            outcome = str(said.get("outcome"))
            yield _Line(
                file=file, start=start, content=content, email=email, attempt=attempt, outcome=outcome
            )
        start += len(content)


def _overwrite_some(lines: Sequence[_Line], named: Mapping[str, Reach]) -> int:
    emails = Email.objects.filter(pk__in={line.email for line in lines if line.email})
    teams: dict[UUID | None, int | None] = dict(emails.values_list("pk", "team_id"))
    erased = Recipient.objects.filter(email__in=list(teams), canonical__startswith=tombstones.PREFIX)
    hidden = set(erased.values_list("email", flat=True))
    owed = _owed(lines)
    return sum(
        _write(line, _without(line, _within(named, teams, line.email), is_erased=line.email in hidden))
        for line in lines
        if line.attempt not in owed
    )


def _within(
    named: Mapping[str, Reach], teams: Mapping[UUID | None, int | None], email: UUID | None
) -> set[str]:
    """Return who is erased from the lines of this email; of one that is not here any more, by the operator alone."""
    known = email in teams
    return {
        digest
        for digest, far in named.items()
        if far.everywhere or (known and far.team_id == teams.get(email))
    }


def _owed(lines: Sequence[_Line]) -> set[UUID | None]:
    """Return the attempts of which the database has not been told, or knows less."""
    attempts = Attempt.objects.filter(pk__in={line.attempt for line in lines if line.attempt})
    in_doubt = dict(attempts.filter(outcome__in=Attempt.IN_DOUBT).values_list("pk", "outcome"))
    return {line.attempt for line in lines if line.outcome != in_doubt.get(line.attempt, line.outcome)}  # type: ignore[arg-type]


def _without(line: _Line, digests: Collection[str], *, is_erased: bool) -> bytes:
    content = line.content
    if digests:
        content = _ADDRESS.sub(lambda found: _hidden(line.content, found, digests), content)
    return _without_fingerprint(content) if is_erased else content


def _without_fingerprint(content: bytes) -> bytes:
    said = _read(content)
    mark = str(said.get("recipients", "")).encode()
    return content.replace(b'"%b"' % mark, b'"%b"' % (_NOBODY * len(mark))) if mark else content


def _hidden(content: bytes, found: re.Match[bytes], digests: Collection[str]) -> bytes:
    local, at, domain = found.groups()
    for start in _starts(content, found, local):
        address = f"{local[start:].decode()}@{domain.decode()}".lower()
        if name := next((each for each in tombstones.of(address) if each in digests), ""):
            length = len(local) - start + len(at) + len(domain)
            return local[:start] + _filled(name, length)
    return found[0]


def _starts(content: bytes, found: re.Match[bytes], local: bytes) -> Iterator[int]:
    """Yield where an address may begin in what looks like one: an equal sign is a part of it, or stands before."""
    first = 0
    if content[found.start() - 1 : found.start()] == b"\\" and (escape := _ESCAPE.match(local)):
        first = escape.end()
    yield first
    for between in _BETWEEN.finditer(local, first):
        yield between.end()
        yield between.start() + 1


def _filled(name: str, length: int) -> bytes:
    return name[:length].ljust(length, ".").encode()


def _write(line: _Line, content: bytes) -> bool:
    """Overwrite a line in its file, whatever it is called by now; on disk when this returns."""
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


def _opened(file: Path) -> int | None:
    for name in (file, file.with_suffix(_DONE)):  # it may have been put aside since it was read
        with suppress(FileNotFoundError):
            return os.open(name, os.O_WRONLY)
    return None


def _content(file: Path) -> bytes:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _id(text: Any) -> UUID | None:
    return UUID(text) if isinstance(text, str) and watermark.is_id(text) else None
