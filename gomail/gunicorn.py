"""The configuration of the HTTP server: gunicorn --config python:gomail.gunicorn."""

import ctypes
import os
from typing import Any

from gomail import environment

wsgi_app = "gomail.wsgi"
bind = f"{environment.text('HOST', '127.0.0.1')}:{environment.number('PORT', 8000)}"

# A request waits for a provider, not for the CPU, so threads are enough. Each keeps its database connection.
worker_class = "gomail.server.worker.Worker"
workers = environment.number("WEB_CONCURRENCY", 1)
threads = environment.number("WEB_THREADS", 32)

graceful_timeout = 60  # a round begins no attempt after 25 s, and an attempt takes 28 s at most
keepalive = 20
control_socket_disable = True
limit_request_line = 8190


def post_worker_init(worker: Any) -> None:
    """Prepare the process before its first request; one that cannot work stops the server."""
    if worker.app.app_uri == wsgi_app:  # the benchmarks run another application with this configuration
        from gomail import start  # not before: it needs the settings, and the models

        start.prepare()


def worker_exit(server: Any, worker: Any) -> None:
    """Close the journal when a process shuts down."""
    if worker.app.app_uri == wsgi_app:
        from gomail import start

        start.clear_up()


def _give_memory_back() -> None:
    """Make glibc return the memory of uploads to the system: few arenas, large blocks freed at once.

    With its defaults a process keeps 130 MB after four simultaneous uploads of 7 MB. The numbers are those of
    glibc's malloc.h; other systems do not need this.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt and os.name == "posix" and os.uname().sysname == "Linux":
        mallopt(_ARENA_MAX, 2)
        mallopt(_MMAP_THRESHOLD, 4 * 1024 * 1024)
        mallopt(_TRIM_THRESHOLD, 8 * 1024 * 1024)


_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_give_memory_back()  # before the workers are forked, which inherit it
