"""What forgetting a person takes in a full log: python -m benchmarks.erasing [--database-url URL] [--emails N].

A million emails, each with a recipient, an attempt and an event; the person got some hundred of them. What is found by
the address is measured apart from reading all tables for what only mentions it.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EMAILS, OF_THE_PERSON = 1_000_000, 200
WHO = "zenobia@example.net"


def main() -> None:
    """Fill a fresh database and forget one person."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--emails", type=int, default=EMAILS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _prepare(asked.database_url or f"sqlite:///{Path(folder) / 'bench.sqlite3'}", folder)
        _fill(asked.emails)
        _measure(asked.emails)


def _prepare(url: str, folder: str) -> None:
    import django
    from django.core.management import call_command

    os.environ |= {
        "DATABASE_URL": url,
        "DJANGO_DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "gomail.settings",
        "GOMAIL_TOMBSTONE_KEYS": "t" * 32,
        "GOMAIL_JOURNAL_DIR": folder,
    }
    django.setup()
    call_command("migrate", verbosity=0)


def _fill(count: int) -> None:
    from django.db import connection

    from benchmarks import log_size
    from delivery.models import Attempt, Email, ProviderEvent, Recipient

    log_size.fill(count)
    pks = list(Email.objects.order_by("pk").values_list("pk", flat=True)[:: max(1, count // OF_THE_PERSON)])
    Email.objects.filter(pk__in=pks).update(status="sent")
    Recipient.objects.filter(email__in=pks).update(address=WHO, canonical=WHO)
    of = dict(Recipient.objects.values_list("email", "canonical").iterator(chunk_size=20_000))
    rows = Attempt.objects.order_by().values_list("email", "pk").iterator(chunk_size=20_000)
    for some in _pieces(_events(rows, of)):
        ProviderEvent.objects.bulk_create(some)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _events(rows: Any, of: dict[Any, str]) -> Iterator[Any]:
    from django.utils import timezone

    from delivery.models import ProviderEvent

    for number, (email, attempt) in enumerate(rows):
        address, raw = of[email], {"mail": {"destination": [of[email]]}, "padding": "x" * 400}
        yield ProviderEvent(
            key=f"{number:064}",
            account="ses",
            kind="delivered",
            state="applied",
            email_id=email,
            attempt=attempt,
            recipient=address,
            at=timezone.now(),
            raw=raw,
        )


def _pieces(rows: Iterator[Any]) -> Iterator[list[Any]]:
    from itertools import islice

    while some := list(islice(rows, 20_000)):
        yield some


def _measure(count: int) -> None:
    from django.db import connection

    from delivery.erasure import forget, people, reach

    row = forget.start(people.find(WHO), reach.EVERYWHERE, by="bench")
    begun, marks = time.monotonic(), dict[str, float]()

    def tell(erasure: Any) -> None:
        name = "all tables" if "looked_through" in erasure.counts else "by the address"
        marks[name] = time.monotonic() - begun

    row = forget.run(row, tell=tell)
    whole = time.monotonic() - begun
    print(
        f"{connection.vendor}, {count:,} emails: by the address {marks['by the address']:.2f} s, "
        f"with all tables {marks['all tables']:.2f} s, until it was done {whole:.2f} s; {row.state} {row.counts}"
    )
    again = forget.start(people.find("nobody@example.net"), reach.EVERYWHERE, by="bench")
    begun = time.monotonic()
    forget.run(again)
    print(f"the same for somebody who got none: {time.monotonic() - begun:.2f} s")


if __name__ == "__main__":
    main()
