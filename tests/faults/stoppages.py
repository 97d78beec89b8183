"""Processes stand still and go on: a worker, the database server, and whoever wants a lock that another one has."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.faults import outages
from tests.faults.circumstances import BRIEF
from tests.faults.deaths import ill
from tests.faults.installation import ask
from tests.faults.trial import Scene

STILL = 8.0  # seconds
_ROWS = 30  # that a stranger locks at a time
_IMPATIENCE = "20s"  # after which the stranger looks for a deadlock: GoMail has looked before, and gives way
_TABLES = ("delivery_email", "delivery_attempt", "delivery_recipient", "delivery_circuit")
_HELD = (
    "SELECT delivery_email.id FROM delivery_email JOIN delivery_worker ON delivery_worker.id = delivery_email.worker"
    " WHERE status = 'sending' AND pid = {}"
)
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def worker(scene: Scene) -> None:
    """A worker stands still for longer than its claims last, then goes on as if nothing had been."""
    with ill(scene, "slowish"), scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 2)
        still = scene.nemesis.working("worker")[:1]
        with _stopped(still):
            held = set(ask(scene.gomail.watched, _HELD.format(still[0].pid)))
            time.sleep(2 * BRIEF)
            kept = held & set(ask(scene.gomail.watched, _HELD.format(still[0].pid)))
        time.sleep(scene.trial.seconds / 2)
    scene.figures["under way"] = str(len(held))
    scene.expect(bool(held), "the worker that stood still had nothing under way")
    scene.expect(not kept, f"{len(kept)} were not taken over")


def database(scene: Scene) -> None:
    """PostgreSQL stands still for some seconds, with all its connections open."""
    assert scene.place.server
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 3)
        with _stopped(scene.place.server.processes()):
            time.sleep(STILL)
        outages.expect_back(scene)
        time.sleep(scene.trial.seconds / 3)


def locks(scene: Scene) -> None:
    """A stranger locks whole tables for seconds, and rows in an order that makes deadlocks."""
    before = scene.ask(_DEADLOCKS)
    with scene.customers.ordering(scene.trial.rate), _quarrelling(scene.gomail.watched):
        for table in _TABLES:
            _lock(scene.gomail.watched, table, seconds=scene.trial.seconds / len(_TABLES) / 2)
            time.sleep(scene.trial.seconds / len(_TABLES) / 2)
    found = scene.ask(_DEADLOCKS) - before
    scene.figures["deadlocks"] = str(found)
    scene.expect(found > 0, "there was no deadlock")


@contextmanager
def _stopped(processes: Iterable[psutil.Process]) -> Iterator[None]:
    still = list(processes)
    for one in still:
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in still:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGCONT)


def _lock(database: str, table: str, *, seconds: float) -> None:
    import psycopg

    with psycopg.connect(database) as session, session.transaction():
        session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        time.sleep(seconds)


@contextmanager
def _quarrelling(database: str) -> Iterator[None]:
    """Lock recipients first and their emails after them, again and again; GoMail does it the other way round."""
    done = threading.Event()

    def quarrel() -> None:
        import psycopg

        with psycopg.connect(database, autocommit=True) as session:
            session.execute(f"SET deadlock_timeout = '{_IMPATIENCE}'".encode())
            while not done.wait(0.1):
                with suppress(psycopg.errors.DeadlockDetected), session.transaction(force_rollback=True):
                    _take(session)

    thread = threading.Thread(target=quarrel)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _take(session: object) -> None:
    youngest = f"SELECT id, email_id FROM delivery_recipient ORDER BY id DESC LIMIT {_ROWS} FOR UPDATE"
    rows = session.execute(youngest.encode()).fetchall()  # type: ignore[attr-defined]
    time.sleep(0.2)
    emails = list({email for _, email in rows})
    session.execute(b"SELECT id FROM delivery_email WHERE id = ANY(%s) FOR UPDATE", [emails])  # type: ignore[attr-defined]
