"""What suppressions cost: python -m benchmarks.suppressing [--database-url URL] [--entries N] [--sync N].

An email to 50 recipients among a million entries; reading a vendor's list of 100,000 with --sync 100000.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

ENTRIES, RECIPIENTS, TRIES = 1_000_000, 50, 500


def main() -> None:
    """Fill a fresh database, then ask about random recipients, a tenth of whom are suppressed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--sync", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _prepare(asked.database_url or f"sqlite:///{Path(folder) / 'bench.sqlite3'}")
        if asked.sync:
            _sync(asked.sync)
            return
        _fill(asked.entries)
        measured = [_measure(asked.entries) for _ in range(TRIES)]
        _report(asked.entries, "by the clock", sorted(each for each, _ in measured))
        _report(
            asked.entries,
            "of the processor (on SQLite with the database)",
            sorted(each for _, each in measured),
        )


def _prepare(url: str) -> None:
    import django
    from django.core.management import call_command

    os.environ |= {"DATABASE_URL": url, "DJANGO_DEBUG": "true", "DJANGO_SETTINGS_MODULE": "gomail.settings"}
    django.setup()
    call_command("migrate", verbosity=0)


def _fill(entries: int) -> None:
    from django.db import connection

    from delivery.db import ids
    from delivery.models import Suppression

    for start in range(0, entries, 20_000):
        numbers = range(start, min(start + 20_000, entries))
        Suppression.objects.bulk_create(
            Suppression(id=ids.uuid7(), address=_address(n), kind="hard_bounce", source="ses")
            for n in numbers
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _measure(entries: int) -> tuple[float, float]:
    """Return the milliseconds of one question, by the clock and of this thread."""
    from delivery.suppressions import screening
    from delivery.suppressions.screening import Mail

    several = [_address(random.randrange(entries * 10)) for _ in range(RECIPIENTS)]
    started, worked = time.perf_counter(), time.thread_time()
    screening.kept_out(Mail(team_id=1), several)
    return (time.perf_counter() - started) * 1000, (time.thread_time() - worked) * 1000


def _sync(entries: int) -> None:
    """Read a list at SendGrid's stand-in that is all new, then once more."""
    from django.conf import settings

    from delivery.suppressions import sync, vendors
    from tests import vendor_lists

    with vendor_lists.served() as served:
        settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS = ("sendgrid",), served.variables()
        for number in range(entries):
            served.bounce(_address(number))
        for name in ("all of them new", "all of them known"):
            started = time.perf_counter()
            report = sync.run("sendgrid", vendors.lists()["sendgrid"], full=True, push=False)
            seconds = time.perf_counter() - started
            print(f"{report.read:,} entries of a vendor read, {name}: {seconds:.1f} s")


def _address(number: int) -> str:
    return f"person.{number}@example{number % 997}.org"


def _report(entries: int, what: str, milliseconds: list[float]) -> None:
    def at(part: float) -> float:
        return milliseconds[int(part * (len(milliseconds) - 1))]

    figures: dict[str, Any] = {"median": statistics.median(milliseconds), "p95": at(0.95), "p99": at(0.99)}
    told = ", ".join(f"{name} {value:.2f} ms" for name, value in figures.items())
    print(f"{RECIPIENTS} recipients among {entries:,} suppressions, {what}: {told}")


if __name__ == "__main__":
    main()
