"""Polling: the events that wait in a queue are recorded, then deleted there.

One thread of each worker reads one account's queue; the queue shares its messages out among them. Whoever dies after
the commit and before the deletion gets the same message again, which is the same event.
"""

import logging
import threading
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.db import connection

from delivery.db import clock, outages
from delivery.db.outages import AWAY
from delivery.events import record
from providers import failpoints, registry
from providers.errors import ProviderError
from providers.events import Event, Kind
from providers.ses.events import Unreadable
from providers.ses.queue import PARKED_AFTER, Queue, Waiting

UNREADABLE = "unreadable"  # how a message is named that is kept as it is
_LONGEST_PAUSE = 60.0  # seconds, while the queue or the database is away
_LONGEST_SHOWN = 10_000  # characters of a message that cannot be read
log = logging.getLogger(__name__)


class Poller:
    """Reads one account's queue."""

    def __init__(self, account: str, queue: Queue) -> None:
        """Take the queue; nothing is read yet."""
        self._account, self._queue = account, queue
        self._recording = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set. What comes after that is left to other readers."""
        pause = 0.0
        while not stop.wait(pause):
            pause = self._round(stop, pause)
        connection.close()

    def finish(self) -> None:
        """Return when nothing is being recorded."""
        with self._recording:
            pass

    def poll(self, *, seconds: int) -> int:
        """Record and delete what waits, or comes in the next seconds; return how many messages that were."""
        return self._settle(self._queue.receive(seconds=seconds))

    def _round(self, stop: threading.Event, pause: float) -> float:
        """Read once; return the seconds until the next time, more each time that it fails."""
        try:
            messages = self._queue.receive()
            with self._recording:
                if stop.is_set():
                    self._queue.release(messages)
                else:
                    self._settle(messages)
        except ProviderError as problem:
            log.warning("The queue of %s cannot be read; nothing in it is lost: %s", self._account, problem)
        except AWAY as error:
            outages.report(f"events of {self._account} stay in its queue", error)
        else:
            return 0.0
        finally:
            connection.close()
        return min(max(1.0, 2 * pause), _LONGEST_PAUSE)

    def _settle(self, messages: Sequence[Waiting]) -> int:
        settled = messages if self._is_recorded(messages) else list(filter(self._is_settled, messages))
        failpoints.reach("after-events")
        self._queue.delete(settled)
        return len(settled)

    def _is_settled(self, message: Waiting) -> bool:
        """Record one message apart from the others; one that resists five times is kept as it is."""
        return self._is_recorded([message]) or (message.times >= PARKED_AFTER and self._park(message))

    def _is_recorded(self, messages: Sequence[Waiting]) -> bool:
        try:
            record.record(self._account, [event for message in messages for event in message.read()])
        except AWAY:
            raise
        except Unreadable:
            return False
        except Exception:
            log.exception("Messages of the queue of %s could not be recorded", self._account)
            return False
        return True

    def _park(self, message: Waiting) -> bool:
        log.error("A message of the queue of %s cannot be read; it is kept: %s", self._account, message.id)
        shown = {"queue_message": message.id, "body": message.body[:_LONGEST_SHOWN]}
        event = Event(kind=Kind.OTHER, name=UNREADABLE, at=clock.now(), distinction=message.id, raw=shown)
        record.record(self._account, [event])
        return True


def pollers() -> list[Poller]:
    """Return a poller for each account whose events come by a queue."""
    return [Poller(name, queue) for name, queue in queues().items()]


def queues() -> dict[str, Queue]:
    """Return the queues by the names of their accounts."""
    return _queues(settings.GOMAIL_PROVIDERS, tuple(settings.PROVIDER_SECRETS.items()))


@lru_cache(maxsize=4)  # one set of clients per process and configuration
def _queues(names: Sequence[str], values: tuple[tuple[str, str], ...]) -> dict[str, Queue]:
    return registry.queues(names, dict(values))
