"""manage.py worker: runs the embedded delivery worker."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from delivery import process
from delivery.db import session
from delivery.management import base
from delivery.workers import embedded

# Running both is harmless and useful: this one needs no broker.
_BESIDE = (
    "CELERY_BROKER_URL is set, so the main workers are Celery's: celery -A gomail worker. "
    "This one works beside them from the database alone, even while the broker is away."
)


class Command(base.Command):
    help = "Hands over due emails in WORKER_THREADS threads until it gets SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            # In a thread of its own: the main thread may hold the event's lock while it waits for the event.
            signal.signal(number, lambda *_: threading.Thread(target=_end, args=(stop,)).start())
        if settings.CELERY_BROKER_URL:
            self.stdout.write(_BESIDE)
        self.stdout.write("The delivery worker is running.")
        embedded.run(stop, threads=settings.WORKER_THREADS)
        try:
            session.refuse_a_replaced_file()
        except session.Replaced as replaced:
            raise CommandError(str(replaced)) from None


def _end(stop: threading.Event) -> None:
    process.end()
    stop.set()
