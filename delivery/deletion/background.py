"""What every process does about deleted teams now and then, and what a worker does."""

import logging
import time
from datetime import timedelta
from typing import Final

from delivery.db import clock, ids
from delivery.db.outages import AWAY
from delivery.deletion import job, journals
from delivery.models import TeamDeletion

_SECONDS: Final = 2.0  # of a worker's round for all of them: it rescues orphans, too
_REMEMBERED: Final = timedelta(days=35)  # a deletion may take days; the journal's lines are kept for a week
log = logging.getLogger(__name__)


def look() -> None:
    """Overwrite in this machine's journal the teams whose emails are at rest, or gone."""
    recent = TeamDeletion.objects.filter(pk__gt=ids.floor(clock.now() - _REMEMBERED))
    journals.see_to(recent.filter(still_since__isnull=False))


def go_on() -> None:
    """Go on with what is unfinished, as long as a worker may be kept by all of them together."""
    until = time.monotonic() + _SECONDS
    for deletion in job.unfinished():
        if (seconds := until - time.monotonic()) > 0:
            _go_on_with(deletion, seconds)


def _go_on_with(deletion: TeamDeletion, seconds: float) -> None:
    try:
        job.run(deletion, seconds=seconds)
    except AWAY:
        raise
    except Exception:
        log.exception("Deletion %s of a team could not go on; it is tried again", deletion.pk)
