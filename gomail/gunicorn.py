"""The configuration of the HTTP server: gunicorn --config python:gomail.gunicorn."""

import ctypes
import os
import resource
from typing import Any

from delivery.access import shared_counts  # noqa: F401 - before the processes are forked: they count together
from delivery.files import output
from gomail import environment
from gomail.server.log import ACCESS_FORMAT

output.tolerate_loss()  # before gunicorn makes its logs

_CONNECTIONS = 2400  # that wait for their clients, in one process; half of them of one address


def _connections() -> int:
    """Return how many there may be: each is a file of the system, and the rest of the process needs some, too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(allowed, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard)
    )
    return max(2, min(_CONNECTIONS, allowed // 2))


wsgi_app = "gomail.wsgi"
bind = (
    f"{environment.text('HOST', '127.0.0.1')}:{environment.number('PORT', 8000, most=environment.MOST_PORT)}"
)

# A request waits for a provider, not for the CPU, so threads are enough. Each keeps its database connection.
worker_class = "gomail.server.worker.Worker"
workers = environment.number("WEB_CONCURRENCY", 1, most=1_000)
threads = environment.number("WEB_THREADS", 32, most=1_000)

graceful_timeout = 60  # a round begins no attempt after 25 s, and an attempt takes 28 s at most
keepalive = 20
logger_class = "gomail.server.log.Log"
access_log_format = ACCESS_FORMAT  # for who asks for one, GUNICORN_CMD_ARGS="--access-logfile -"
control_socket_disable = True
limit_request_line = 8190
http_parser = "python"  # gomail/server/framing.py is made for it
worker_connections = _connections()
# Whose headers are believed is decided in one place, gomail/middleware.py, and not by gunicorn.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""


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
