"""Health is answered beside the worker threads: also while all of them are busy, or wait for a database."""

import threading
import time
from collections.abc import Callable
from typing import Any

from api.early_answer import Answer
from gomail.server.threads import ThreadPool

_LIVE, _READY, _METRICS = "/health/live", "/health/ready", "/metrics"
_KEPT_SECONDS = 1.0  # /health/ready looks at the database, and asks for no key


class Health:
    """/health/live is answered in its I/O thread, one at a time; the others have threads, with connections."""

    def __init__(self) -> None:
        """Start no thread yet."""
        self._live = threading.Lock()
        self._thread, self._of_metrics = ThreadPool(1), ThreadPool(1)
        self._kept: tuple[float, tuple[Any, ...], Answer] | None = None

    def answer(self, environ: dict[str, Any], ask: Callable[[], Answer]) -> Answer | None:
        """Return what is asked, perhaps what was found a second ago; None for a path that is none of these."""
        path = environ["PATH_INFO"]
        if path == _LIVE:
            with self._live:  # a flood of them is no flood of threads that run
                return ask()
        if path == _READY:
            return self._thread.submit(self._ready, _question(environ), ask).result()
        if path == _METRICS:
            return self._of_metrics.submit(ask).result()
        return None

    def _ready(self, question: tuple[Any, ...], ask: Callable[[], Answer]) -> Answer:
        """Ask, unless the same has just been asked; only the path's one thread comes here."""
        if self._kept and self._kept[0] > time.monotonic() and self._kept[1] == question:
            return self._kept[2]
        found = ask()
        self._kept = time.monotonic() + _KEPT_SECONDS, question, found
        return found


def _question(environ: dict[str, Any]) -> tuple[Any, ...]:
    """Return what the answer depends on beside the state of things."""
    return environ["REQUEST_METHOD"], environ.get("HTTP_HOST")
