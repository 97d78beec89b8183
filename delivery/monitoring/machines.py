"""What is wrong with this machine: its disks, its scanner, its clock. Each worker tells the database."""

from delivery import process
from delivery.db import clock
from delivery.files import scan, writable
from delivery.models import Incident, Worker
from delivery.queue import heartbeats
from delivery.submission import backpressure

OK, AWAY, OFF = "ok", "away", "off"
_Kind = Incident.Kind


def report() -> None:
    """Write down what is wrong here, if it has changed."""
    mine = Worker.objects.filter(pk=process.identity())
    now = troubles()
    for before in mine.values_list("troubles", flat=True):
        if before != now:
            mine.update(troubles=now)


def troubles() -> dict[str, str]:
    """Return the sentences by the kinds of incidents."""
    words = {_Kind.DISK: disk(backpressure.short_of_room()), _Kind.SCANNER: scanner(), _Kind.CLOCK: time()}
    return {kind.value: word for kind, word in words.items() if word not in (OK, OFF)}


def reported(kind: Incident.Kind) -> dict[str, str]:
    """Return what running workers tell of this kind, by their machines."""
    workers = heartbeats.running().filter(troubles__isnull=False).order_by("host")
    told = [(worker.host, worker.troubles or {}) for worker in workers]
    return {host: str(troubles[kind]) for host, troubles in told if kind in troubles}


def disk(short_of_room: tuple[str, ...]) -> str:
    """Return `ok`, or what is wrong with the disks."""
    places = writable.unwritable()
    if places:
        return f"cannot be written: {', '.join(places)}"
    return "nearly full" if short_of_room else OK


def scanner() -> str:
    """Return `ok`, `away` or `off`."""
    if not scan.is_on():
        return OFF
    return OK if scan.answers() else AWAY


def time() -> str:
    """Return `ok`, or by how much the clock differs."""
    ahead = clock.ahead()
    if abs(ahead) <= clock.LIMIT:
        return OK
    return f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's"
