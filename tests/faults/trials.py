"""What may happen, as one table; each row prints its figure."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from providers import failpoints
from tests.faults import (
    damages,
    deaths,
    endings,
    importing,
    lateness,
    mailing,
    neighbours,
    news,
    outages,
    pacing,
    places,
    restores,
    runaway,
    scanners,
    stoppages,
    told,
)
from tests.faults.promises import Promise
from tests.faults.trial import Scene, Trial

# Between these two a duplicate may arise: the request may have left, and its answer is not in the journal yet.
_WINDOW = ("after-request-bytes", "after-response")
_ANSWERED = ("after-journal", "in-finish", "after-finish")
# A worker that settles what others left passes through it, too, and would end what it has under way itself.
_IN_WEB_ALONE = {"in-finish"}
_SURE = Promise(duplicates=False, unknown=False)
_REFUSING = Promise(refusals=True)


def _storm(letters: int, kills: int, seconds: float) -> Trial:
    return Trial(
        name="storm", says="killed anywhere, hostile vendors", play=deaths.storm, letters=letters, kills=kills,
        seconds=seconds, failpoints=dict.fromkeys(failpoints.POINTS, 0.005),
    )  # fmt: skip


def _alone(probability: float, *points: str) -> dict[str, dict[str, float] | int]:
    """Arm points where nothing else is under way when a process ends: one thread in each."""
    return {
        "failpoints": dict.fromkeys(set(points) - _IN_WEB_ALONE, probability),
        "web_failpoints": dict.fromkeys(points, probability),
        "threads": 1,
        "worker_threads": 1,
        "web": 3,
    }


def at(point: str) -> Trial:
    return Trial(
        name=point, says=f"killed {point}", play=deaths.orders, letters=100, kills=8, seconds=180,
        vendors="closing" if point == "after-connect" else "ok", promise=Promise(duplicates=point in _WINDOW),
        **_alone(0.1, point),  # type: ignore[arg-type]
    )  # fmt: skip


ANSWERED = Trial(
    name="answered", says="killed after the answer is in the journal", play=deaths.orders, letters=200,
    kills=50, seconds=240, workers=3, promise=_SURE,
    **_alone(0.15, *_ANSWERED),  # type: ignore[arg-type]
)  # fmt: skip
# An innocent email that is at a provider when its process is ended by another may be sent again, marked.
POISON = Trial(
    name="poison", says="two emails that end every process", play=deaths.poison, letters=60, keyless=0.0,
    failpoints={"after-claim@arsenic": 1, "after-attempt-row@belladonna": 1}, policies=("resend",),
    promise=Promise(quarantine=2),
)  # fmt: skip
RACE = Trial(
    name="race", says="50 threads, one idempotency key", play=deaths.race, letters=0, keyless=0.0,
    threads=16, promise=_SURE,
)  # fmt: skip
CROWDED = Trial(
    name="crowded", says="4 workers × 32 threads, 6 customers, no fault", play=deaths.orders, letters=500, workers=4,
    worker_threads=32, customers=6, rate=60, keyless=0.0, promise=replace(_SURE, locked=False), on=("SQLite",),
)  # fmt: skip
LATE = Trial(
    name="late", says="claims end before their work does", play=lateness.slowly, letters=30, rate=4,
    worker_threads=16, defect="short-lease,slow-reading", vendors="slowish", kinds={"async": 4, "sync": 1}, keyless=0.0,
)  # fmt: skip
REFUSED_LATE = Trial(
    name="refused-late", says="refusals come after their claims have ended", play=lateness.refused_late, letters=8,
    worker_threads=16, defect="short-lease", keyless=0.0, policies=("resend", "resend", "stop"),
)  # fmt: skip
IN_VAIN = Trial(
    name="in-vain", says="vendors answer when nobody waits any more", play=lateness.in_vain, letters=20, seconds=4,
    rate=6, defect="hasty", keyless=0.0, kinds={"async": 4, "sync": 1, "file": 1, "batch": 1},
)  # fmt: skip
PACED = Trial(
    name="paced", says="4 workers × 8 threads, an account of 14 a second", play=pacing.paced, letters=420, rate=100,
    workers=4, worker_threads=8, keyless=0.0, kinds={"async": 1},
)  # fmt: skip
RENEWED = Trial(
    name="renewed", says="attempts outlast a lease, which is renewed", play=lateness.renewed, letters=6,
    worker_defect="brief-lease", promise=_SURE, keyless=0.0,
)  # fmt: skip
GIVEN_UP = Trial(
    name="given-up", says="cancelled, expired, refused, workers killed", play=endings.given_up, letters=30, kills=2,
    seconds=6, rate=8, keyless=0.0, kinds={"async": 4, "batch": 1, "later": 1, "regretted": 3},
)  # fmt: skip
ROLLING = Trial(
    name="rolling", says="SIGTERM to all, again and again", play=deaths.rolling, letters=400, rate=15,
    keyless=0.0, promise=_SURE,
)  # fmt: skip
ORPHANS = Trial(
    name="orphans", says="orphans, by the journal's lock", play=deaths.orphans, letters=6, keyless=0.0,
)  # fmt: skip
LOST_JOURNAL = Trial(
    name="lost-journal", says="orphans, by their leases alone", play=deaths.lost_journal, letters=6, keyless=0.0,
)  # fmt: skip
STOPPED = Trial(
    name="stopped", says="PostgreSQL is stopped for 5 s", play=outages.stopped_database, seconds=20,
    place=places.own_server(), on=("PostgreSQL",), promise=_REFUSING,
)  # fmt: skip
FULL_DISK = Trial(
    name="full-disk", says="the disk is full for 5 s", play=outages.full_disk, seconds=20,
    place=places.small_disk, kinds={"sync": 2, "async": 1, "file": 3, "batch": 1}, promise=_REFUSING,
)  # fmt: skip
FEW = Trial(
    name="few-connections", says="20 connections, 100 threads", play=outages.few_connections, seconds=20,
    place=places.own_server(connections=20), on=("PostgreSQL",), threads=40, customers=80, rate=40,
    promise=_REFUSING,
)  # fmt: skip

FEW_FILES = Trial(
    name="few-files", says="64 open files, 80 customers", play=outages.few_files, seconds=20, defect="few-files",
    threads=16, worker_threads=8, customers=80, rate=40, keyless=0.0, promise=_REFUSING,
)  # fmt: skip
DAMAGED = Trial(
    name="damaged-files", says="files are altered, cut, deleted, sent again", play=damages.damaged_files, seconds=8,
    rate=5, letters=50, keyless=0.0, kinds={"file": 3, "async": 1, "batch": 1}, promise=_SURE,
)  # fmt: skip
FULL_LOG = Trial(
    name="full-log", says="no room for anybody's log", play=outages.full_log, seconds=12, rate=8, letters=50, kills=2,
    place=places.small_log_disk, keyless=0.0,
)  # fmt: skip
STILL_WORKER = Trial(
    name="still-worker", says="a worker stands still longer than its claims last", play=stoppages.worker, seconds=8,
    worker_defect="brief-lease", worker_threads=16, rate=4, letters=60, keyless=0.0, kinds={"async": 3, "sync": 1},
)  # fmt: skip
STILL_DATABASE = Trial(
    name="still-database", says="PostgreSQL stands still for 8 s", play=stoppages.database, seconds=12, letters=60,
    place=places.own_server(), on=("PostgreSQL",), promise=_REFUSING,
)  # fmt: skip
LOCKS = Trial(
    name="locks", says="a stranger locks tables, and rows in the wrong order", play=stoppages.locks, seconds=24,
    on=("PostgreSQL",), letters=100, promise=_REFUSING,
)  # fmt: skip
TWO_HOSTS = Trial(
    name="two-hosts", says="two machines, one loses its power", play=neighbours.two_hosts, seconds=12, letters=100,
    on=("PostgreSQL",), rate=8, defect="brief-lease", workers=1, keyless=0.0,
)  # fmt: skip
RUNAWAY = Trial(
    name="runaway", says="a runaway team beside a small one", play=runaway.runaway, letters=100_000, seconds=40,
    web=1, workers=1, threads=32, worker_threads=32, promise=replace(_SURE, refusals=True),
)  # fmt: skip
SCANNER = Trial(
    name="scanner", says="clamd dies and hangs under load", play=scanners.dying, place=places.with_scanner, letters=60,
    seconds=36, rate=5, keyless=0.0, kinds={"file": 4, "batch": 1, "async": 1}, threads=32, worker_threads=8,
    promise=_SURE,
)  # fmt: skip

_RESTORED = Promise(restored=True, refusals=True)
_SMALL_HOURS = {"sync": 3, "async": 5, "batch": 1, "file": 1}


def _restored(name: str, says: str, play: Callable[[Scene], None], *on: str, **more: Any) -> Trial:
    return Trial(
        name=name, says=says, play=play, on=on, letters=60, seconds=24, rate=5, kinds=_SMALL_HOURS, keyless=0.0,
        promise=_RESTORED, policies=("resend", "stop"), **more,
    )  # fmt: skip


RESTORED = _restored("restored", "a backup of the file comes back", restores.file_replaced, "SQLite")
REPLACED = _restored(
    "replaced", "the same under running processes", restores.file_replaced_under_way, "SQLite"
)
NEW_MACHINE = _restored("new-machine", "the same without a journal", restores.machine_replaced, "SQLite")
STALE = _restored(
    "stale-standby", "a standby takes over that lacks commits", restores.stale_standby, "PostgreSQL",
    place=places.own_server(),
)  # fmt: skip


def _clocks(name: str, says: str, web: str, worker: str) -> Trial:
    return Trial(
        name=name, says=says, play=restores.lying_clocks, letters=100, seconds=24, rate=8, keyless=0.0,
        web_defect=web, worker_defect=worker, policies=("resend",),
    )  # fmt: skip


WEB_AHEAD = _clocks("web-ahead", "web +10 min, workers -10 min", "clock-ahead", "clock-behind")
WEB_BEHIND = _clocks("web-behind", "web -10 min, workers +10 min", "clock-behind", "clock-ahead")
CARELESS = Trial(
    name="careless", says="PostgreSQL with synchronous_commit=off loses its power", play=restores.careless_server,
    seconds=20, place=places.own_server(careless=True), on=("PostgreSQL",), promise=_REFUSING, rate=30,
    kinds={"async": 1}, keyless=0.0,
)  # fmt: skip

BOUNCED = replace(
    _storm(300, 40, 180.0), name="bouncer", says="the same through pgbouncer, 8 connections for 100 threads",
    place=places.behind_a_bouncer(8), on=("PostgreSQL",), threads=40, worker_threads=10,
)  # fmt: skip
CELERY = replace(
    _storm(2000, 300, 900.0), name="celery", says="the same with Celery, its broker killed",
    play=deaths.broker_storm, place=places.with_broker, engine="celery",
)  # fmt: skip

TOLD = replace(
    _storm(700, 100, 300.0), name="told", says="2,100 webhooks, killed anywhere, receivers of all kinds",
    play=told.storm, place=places.with_receivers,
)  # fmt: skip
TOLD_BY_CELERY = replace(
    TOLD, name="told-by-celery", says="the same with Celery", letters=350, kills=50, engine="celery",
    place=places.with_broker_and_receivers,
)  # fmt: skip

# The doubt of a mail that a vendor tells of is settled by that, before it would be sent again.
NEWS = Trial(
    name="news", says="vendors tell of mail, killed anywhere", play=news.killed, place=places.with_news, letters=700,
    kills=100, seconds=300, rate=10, keyless=0.0, web_defect="known-certificate",
)  # fmt: skip

IMPORTING = Trial(
    name="importing", says="a file of contacts, its readers killed", play=partial(importing.killed, kills=50),
    letters=0, keyless=0.0, workers=2,
)  # fmt: skip
IMPORTING_BY_CELERY = replace(
    IMPORTING, name="importing-by-celery", says="the same with Celery", engine="celery",
    play=partial(importing.killed, kills=20), place=places.with_broker,
)  # fmt: skip

# A kill takes a process with all that it has under way at its providers: those few are unknown, and stay so.
MAILING = Trial(
    name="mailing", says="a mailing, killed anywhere, paused and resumed", play=partial(mailing.killed, kills=100),
    letters=0, keyless=0.0, workers=2, worker_threads=8, failpoints={"in-slice": 0.01, "after-slice": 0.01},
)  # fmt: skip
MAILING_BY_CELERY = replace(
    MAILING, name="mailing-by-celery", says="the same with Celery", engine="celery",
    play=partial(mailing.killed, kills=30), place=places.with_broker,
)  # fmt: skip

# Two are played at a time, so that the longest go with many short ones.
FULL = (
    _storm(2200, 310, 600.0),
    *map(at, filter(lambda point: point not in MAILING.failpoints, failpoints.POINTS)),
    CELERY,
    TOLD,
    TOLD_BY_CELERY,
    NEWS,
    IMPORTING,
    IMPORTING_BY_CELERY,
    MAILING,
    MAILING_BY_CELERY,
    ANSWERED,
    FULL_DISK,
    LOST_JOURNAL,
    LATE,
    POISON,
    REFUSED_LATE,
    IN_VAIN,
    PACED,
    RENEWED,
    GIVEN_UP,
    STOPPED,
    FEW,
    FEW_FILES,
    DAMAGED,
    FULL_LOG,
    STILL_WORKER,
    STILL_DATABASE,
    LOCKS,
    TWO_HOSTS,
    BOUNCED,
    ROLLING,
    CROWDED,
    RUNAWAY,
    SCANNER,
    RACE,
    ORPHANS,
    RESTORED,
    REPLACED,
    NEW_MACHINE,
    STALE,
    WEB_AHEAD,
    WEB_BEHIND,
    CARELESS,
)
# In little: what a database takes part in is tried on both, the rest on one, so that both take equally long.
_LITTLE = (
    replace(_storm(120, 15, 240.0), keyless=0.05),
    POISON,
    RACE,
    replace(NEWS, letters=40, kills=5, seconds=60),
    replace(IMPORTING, play=partial(importing.killed, kills=4)),
    replace(MAILING, play=partial(mailing.killed, kills=5)),
)
QUICK = {
    "PostgreSQL": (*_LITTLE, GIVEN_UP, REFUSED_LATE, IN_VAIN),
    "SQLite": _LITTLE,  # and a provider's bad days
}
