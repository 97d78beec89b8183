"""What makes a machine slow, claims short, patience short, or clocks wrong: no defects, and put on like those."""

import os
import random
import resource
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CERTIFICATE = "FAULTS_SNS_CERTIFICATE"  # the variable that names a file
SHORT, BRIEF = 1.0, 10.0  # seconds that a claim lasts
FILES = 64  # that a process may have open, connections among them
READ = 2.0  # seconds that a hasty GoMail waits for an answer
Change = Callable[[], None]


def short_lease() -> None:
    """A claim lasts a second, is not renewed, and is looked for all the time: slow providers outlive it."""
    from delivery.workers import loop

    loop.RESCUE_SECONDS = SHORT / 4
    _lease(SHORT)


def brief_lease() -> None:
    """A claim lasts ten seconds and is renewed every second: slow providers would outlive it otherwise."""
    from delivery.queue import heartbeats
    from delivery.workers import loop

    loop.RESCUE_SECONDS = heartbeats.BEAT_SECONDS = BRIEF / 10
    _lease(BRIEF)


def _lease(seconds: float) -> None:
    from delivery import bundles
    from delivery.queue import claims, leases
    from delivery.sending import attempts

    attempts.LEASE = claims.LEASE = leases.LEASE = bundles.LEASE = timedelta(seconds=seconds)


def slow_reading() -> None:
    """An email is read at times so slowly that its claim is over before its first attempt begins."""
    from delivery.queue import claims

    def take(pk: Any) -> Any:
        bundle = taken(pk)
        time.sleep(random.choice((0.0, SHORT / 2, SHORT * 2)))
        return bundle

    taken, claims.take = claims.take, take


def hasty() -> None:
    """Nobody waits for a vendor's answer for longer than two seconds."""
    from providers.wire import http

    http.Timeouts.__init__.__kwdefaults__["read"] = READ


def known_certificate() -> None:
    """SNS's certificate lies in a file: nobody here can fetch it from Amazon."""
    from cryptography import x509

    from providers.ses.certificates import Certificates

    known = x509.load_pem_x509_certificate(Path(os.environ[CERTIFICATE]).read_bytes())
    Certificates.get = lambda self, url: known  # type: ignore[method-assign]


def few_files() -> None:
    """A process, and whatever it starts, may open few files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def another_host() -> None:
    """This is a machine of another name."""
    socket.gethostname = lambda: "another"


def lying_clock(seconds: int) -> Change:
    """This process's clock is wrong by so much, as far as Python goes; it runs on as it should."""

    def lie() -> None:
        import time_machine

        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        time_machine.travel(moment, tick=True).start()

    return lie


CHANGES: dict[str, Change] = {
    "short-lease": short_lease,
    "brief-lease": brief_lease,
    "slow-reading": slow_reading,
    "hasty": hasty,
    "few-files": few_files,
    "known-certificate": known_certificate,
    "another-host": another_host,
    "clock-ahead": lying_clock(600),
    "clock-behind": lying_clock(-600),
}
