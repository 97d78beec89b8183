"""Lines of the journal whose attempts are gone in order: their team was deleted. They prove no older state."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from delivery.db import clock
from delivery.journal import Entry
from delivery.models import TeamDeletion


def left_out(entries: Sequence[Entry]) -> list[Entry]:
    """Return the lines but those of teams that are deleted, or may be: lines of earlier versions name none."""
    if not entries:
        return []
    gone = {
        str(team): ended or clock.now()
        for team, ended in TeamDeletion.objects.values_list("team_id", "finished_at")
    }
    return [entry for entry in entries if not _may_be_of(gone, entry)]


def _may_be_of(gone: Mapping[str, datetime], entry: Entry) -> bool:
    if entry.team:
        return entry.team in gone
    return bool(entry.at) and any(datetime.fromisoformat(entry.at) <= ended for ended in gone.values())
