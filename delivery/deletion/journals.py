"""The journal of this machine: what it holds of a team's recipients is overwritten where it stands.

What a line says of the attempt itself stays, so that a line still proves, after a restore, that an email was sent. A
line names its team; of those that the version before has written the emails are asked, as long as they are there.
"""

import json
import threading
import time
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from delivery.erasure import lines
from delivery.erasure.lines import Line
from delivery.models import Email, TeamDeletion
from delivery.queue import watermark_notes

_HOUR: Final = 3600.0  # seconds


class _Overwritten:
    """What this process has overwritten within this hour: a process that slept may have written a late answer since."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: set[tuple[UUID, bool]] = set()
        self.since = time.monotonic()

    def news(self, deletions: Collection[TeamDeletion]) -> dict[tuple[UUID, bool], int]:
        """Return the teams of those that it lacks: once while the emails are there, once when they are gone."""
        if time.monotonic() - self.since > _HOUR:
            self.known, self.since = set(), time.monotonic()
        teams = {(each.pk, each.finished_at is not None): each.team_id for each in deletions}
        return {mark: team for mark, team in teams.items() if mark not in self.known}


_overwritten = _Overwritten()


def see_to(deletions: Collection[TeamDeletion]) -> None:
    """Overwrite the lines of these teams, unless this process has done so lately."""
    with _overwritten.lock:
        if news := _overwritten.news(deletions):
            overwrite(set(news.values()))
            _overwritten.known |= set(news)


def overwrite(teams: Collection[int]) -> int:
    """Overwrite what this machine's journal holds of these teams' recipients; return how many lines held something."""
    with watermark_notes.alone():
        return sum(_overwrite_some(some, teams) for some in lines.pieces())


def _overwrite_some(some: Sequence[Line], teams: Collection[int]) -> int:
    named = {str(team) for team in teams}
    asked = {line.email for line in some if line.email and not line.team}
    theirs = set(Email.objects.filter(pk__in=asked, team__in=teams).values_list("pk", flat=True))
    mine = [line for line in some if line.team in named or line.email in theirs]
    owed = lines.owed(mine)
    return sum(lines.write(line, without(line.content)) for line in mine if line.attempt not in owed)


def without(content: bytes) -> bytes:
    """Return a line without what it says of people, as long as before and still JSON."""
    said = lines.read(content)
    for name in ("recipients", "detail"):
        content = _filled(content, name, said.get(name), b'""', b".")
    return _filled(content, "refused", said.get("refused"), b"{}", b" ")


def _filled(content: bytes, name: str, value: object, ends: bytes, letter: bytes) -> bytes:
    written = json.dumps(value, separators=(",", ":")).encode()
    before = json.dumps(name).encode() + b":"
    filled = ends[:1] + letter * (len(written) - 2) + ends[1:]
    return content.replace(before + written, before + filled, 1) if value else content
