"""Runs a part of GoMail with a defect that it does not have, so that the harness can show that it would be seen.

    python -m tests.faults.defective no-epoch -- manage.py worker
    python -m tests.faults.defective no-journal,slow-reading -- -m tests.faults.keeper 2

The defects live here and nowhere in the service: each changes the running code from outside, before it is used.
`slow-reading`, `short-lease` and the clocks are none: they make a machine slow, claims short, and clocks wrong.
"""

import os
import random
import runpy
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
LATE = 1.0  # seconds that a claim lasts where it is short
Change = Callable[[], None]


def commit_after_send() -> None:
    """The attempt's row is written after the provider's call, not before it."""
    from delivery.models import Attempt
    from delivery.sending import attempts

    def write(email: Any, provider: Any) -> Attempt:
        return Attempt(email=email, provider=provider.name, epoch=email.epoch)

    attempts.write = write
    attempts.store = lambda last: last.save()


def no_epoch() -> None:
    """A claim belongs to whoever believes so: nobody looks whether another process has it by now."""
    from delivery.db import compiled
    from delivery.models import Email
    from delivery.sending import attempts, transitions

    def move() -> compiled.Change:
        _, changes = transitions._moving()
        return Email.objects.filter(pk=compiled.Parameter("pk")), changes

    attempts._hold = lambda *emails: None
    transitions._MOVED = compiled.Update(move)
    Email.still_mine = lambda email: Email.objects.filter(pk=email.pk)  # type: ignore[method-assign, return-value]


def ttl_lock() -> None:
    """A claim that has run out is free, whatever its owner is doing; nobody asks what it has begun."""
    from delivery.models import Email
    from delivery.recovery import rescue
    from delivery.sending import outcomes, transitions

    def recover(email: Any, known: Any) -> None:
        if email.take_over():
            transitions.move(
                email, Email.objects.filter(pk=email.pk), outcomes.at_once("Its lock has run out.")
            )

    no_epoch()
    short_lease()
    rescue.recover = recover


def deferred() -> None:
    """SQLite takes its write lock in the middle of a transaction, as Django's default is."""
    from gomail import settings

    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        settings.DATABASES["default"]["OPTIONS"]["transaction_mode"] = "DEFERRED"


def requeue_stop() -> None:
    """What may have been sent is sent again, also where its sender has forbidden that."""
    from delivery.sending import unknown

    def resend_at(email: Any) -> Any:
        before, email.on_ambiguous = email.on_ambiguous, "resend"
        try:
            return asked(email)
        finally:
            email.on_ambiguous = before

    asked, unknown.resend_at = unknown.resend_at, resend_at


def no_journal() -> None:
    """What a provider answers is in memory only until the database has it."""
    from delivery import journal

    journal.write = lambda entry: None


def short_lease() -> None:
    """A claim lasts a second, is not renewed, and is looked for all the time: slow providers outlive it."""
    from delivery import bundles
    from delivery.queue import claims, leases
    from delivery.sending import attempts
    from delivery.workers import loop

    loop.RESCUE_SECONDS = LATE / 4
    attempts.LEASE = claims.LEASE = leases.LEASE = bundles.LEASE = timedelta(seconds=LATE)


def slow_reading() -> None:
    """An email is read at times so slowly that its claim is over before its first attempt begins."""
    from delivery.queue import claims

    def take(pk: Any) -> Any:
        bundle = taken(pk)
        time.sleep(random.choice((0.0, LATE / 2, LATE * 2)))
        return bundle

    taken, claims.take = claims.take, take


def lying_clock(seconds: int) -> Change:
    """This process's clock is wrong by so much, as far as Python goes; it runs on as it should."""

    def lie() -> None:
        import time_machine

        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        time_machine.travel(moment, tick=True).start()

    return lie


def async_commit() -> None:
    """Whatever the server's default is: it may answer a commit that is not on disk yet."""
    from delivery.db import session

    session._DURABLE = "SELECT 1"


def trusting() -> None:
    """Nobody asks whether the database is as far as it was."""
    from delivery.queue import watermark

    watermark.look = lambda: None


BEFORE_MODELS: dict[str, Change] = {"deferred": deferred}
CHANGES: dict[str, Change] = {
    "commit-after-send": commit_after_send,
    "no-epoch": no_epoch,
    "ttl-lock": ttl_lock,
    "requeue-stop": requeue_stop,
    "no-journal": no_journal,
    "short-lease": short_lease,
    "slow-reading": slow_reading,
    "clock-ahead": lying_clock(600),
    "clock-behind": lying_clock(-600),
    "async-commit": async_commit,
    "trusting": trusting,
}


def apply(names: str) -> None:
    """Change the running code; afterwards Django is set up."""
    import django

    wanted = names.split(",")
    for name in wanted:
        BEFORE_MODELS.get(name, lambda: None)()
    django.setup()
    for name in wanted:
        (CHANGES | BEFORE_MODELS)[name]()


def main(names: str, separator: str, *command: str) -> None:
    """Run the command as Python would, after the changes."""
    assert separator == "--"
    apply(names)
    if command[0] == "-m":
        sys.argv = [*command[1:]]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [*command]
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
