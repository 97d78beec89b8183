"""What forgetting a person takes in a full log: python -m benchmarks.erasing [--database-url URL] [--emails N].

A million emails, each with a recipient, an attempt and an event; the person got some hundred of them. What is found by
the address is measured apart from reading all tables for what only mentions it.
"""

import argparse
import os
import tempfile
import time
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
    """Make one email, and the others by copying its rows inside of the database."""
    from django.db import connection, transaction

    from delivery.models import Attempt, Email, ProviderEvent, Recipient

    body = "Hello, this is what the email says. " * 12
    email = Email.objects.create(
        from_address="shop@example.org", subject="Your invoice", text_body=body, html_body=body, status="sent"
    )
    of = f"CASE WHEN i %% {max(1, count // OF_THE_PERSON)} = 0 THEN '{WHO}' ELSE 'person' || i || '@example.org' END"
    recipient = Recipient.objects.create(
        email=email, kind="to", address=WHO, canonical=WHO, status="accepted"
    )
    attempt = Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="accepted")
    event = ProviderEvent.objects.create(
        email=email, key="0", account="ses", kind="delivered", at=email.created_at, raw={"padding": "x" * 400}
    )
    key = {"id": _ID[connection.vendor]}
    to_email = {"email_id": _ID[connection.vendor]}
    with transaction.atomic():
        _copy(email, count, {**key, "subject": "'Your invoice ' || i"})
        _copy(recipient, count, {**to_email, "address": of, "canonical": of})
        _copy(attempt, count, {**key, **to_email})
        _copy(event, count, {**key, **to_email, "recipient": of, "key": "CAST(i AS TEXT)"})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


_ID = {"sqlite": "printf('%%032x', i)", "postgresql": "lpad(to_hex(i), 32, '0')::uuid"}
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"


def _copy(row: Any, count: int, changed: dict[str, str]) -> None:
    """Copy a row so many times, with these columns computed from the copy's number."""
    from django.db import connection

    columns = [field.column for field in row._meta.concrete_fields if field.column != "id" or "id" in changed]
    values = ", ".join(changed.get(name, f"t.{connection.ops.quote_name(name)}") for name in columns)
    into = ", ".join(map(connection.ops.quote_name, columns))
    table = row._meta.db_table
    pk = row._meta.pk.get_db_prep_value(row.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_NUMBERS.format(count)} INSERT INTO {table} ({into}) SELECT {values} FROM n, {table} t WHERE t.id = %s",
            [pk],
        )


def _measure(count: int) -> None:
    from django.db import connection

    from delivery.erasure import forget, people, reach

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM delivery_email")
        print(cursor.fetchone()[0], "emails")
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
