"""Jumps of the database's clock, told from process to process of one machine: one that starts has seen none itself.

After a jump every lease looks over, or far away, and no claim may be ended because of that for the time of a lease.
"""

from dataclasses import replace
from pathlib import Path

from delivery.db import clock
from delivery.models.email import LEASE
from delivery.queue.watermark_notes import Mark

_BOOT, _UPTIME = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/uptime")
_DRIFT = 1.0  # seconds, below which a difference is not worth a write


def noticed(mark: Mark) -> Mark:
    """Hold what this machine remembers of the database's clock against the clock; return what to remember now."""
    if not _UPTIME.exists():  # another system than Linux: each process knows its own jumps alone
        return mark
    boot, uptime = _BOOT.read_text().strip(), float(_UPTIME.read_text().split()[0])
    offset = clock.now().timestamp() - uptime
    if mark.boot != boot:
        return replace(mark, boot=boot, offset=offset, jumped_at=None)
    if abs(offset - mark.offset) > clock.LIMIT:
        clock.jumped()
        return replace(mark, offset=offset, jumped_at=uptime)
    if mark.jumped_at is not None and uptime - mark.jumped_at < LEASE.total_seconds():
        clock.jumped(seconds_before=uptime - mark.jumped_at)
    return replace(mark, offset=offset) if abs(offset - mark.offset) > _DRIFT else mark
