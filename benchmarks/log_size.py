"""How the log's first pages cost as it grows: the same questions with 10,000 and with 1,000,000 emails.

    python benchmarks/log_size.py [--sizes 10000 1000000] [--rounds 25] [--folder DIRECTORY]

Makes one SQLite database per size in a temporary folder and asks the admin each question over Django's test client.
On PostgreSQL give each size an empty database of its own:

    export DATABASE_URL=postgres://…/empty DJANGO_SETTINGS_MODULE=gomail.settings PYTHONPATH=.
    python benchmarks/log_size.py --child 1000000
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STATUSES = ["sent"] * 94 + ["failed"] * 3 + ["queued", "expired", "unknown"]
PROVIDERS = ["ses"] * 9 + ["sendgrid"]
KINDS = [
    "Your invoice {n}",
    "Welcome to Example, {n}",
    "Reset your password",
    "Order {n} is on its way",
    "Receipt, order {n}",
]
SPAN = timedelta(days=90)
GOAL = 3.0


def questions() -> dict[str, str]:
    day = (datetime.now(UTC) - timedelta(days=30)).date()
    return {
        "list": "",
        "page 3": "?p=3",
        "status=failed": "?status__exact=failed",
        "status=sent": "?status__exact=sent",
        "status nobody has": "?status__exact=sending",
        "provider=sendgrid": "?provider=sendgrid",
        "one day": f"?created_at_from={day}&created_at_to={day}",
        "status + one day": f"?status__exact=failed&created_at_from={day}&created_at_to={day}",
        "q: whole address": "?q=person77@example.org",
        "q: beginning, one in a thousand": "?q=person77",
        "q: beginning of every address": "?q=person",
        "q: busy address": "?q=alerts@example.org",
        "q: word in every fifth subject": "?q=invoice",
        "q: two common words": "?q=receipt+order",
        "q: rare word": "?q=7778",
        "q: no such word": "?q=nowhere",
        "q: no such address": "?q=nobody@nowhere",
        "q + status": "?q=invoice&status__exact=failed",
        "name: rare": "?q=name:Lee77",
        "name: everybody's": "?q=name:Ann",
        "domain: everybody's": "?q=domain:example.org",
        "domain: rare": "?q=domain:rare.example",
        "domain: nobody's": "?q=domain:nowhere.example",
        "from: the busiest": "?q=from:shop@example.org",
        "from: a beginning": "?q=from:news",
        "from: a domain": "?q=from:@example.org",
        "message id": "?q=message:message-77",
        "message id nobody has": "?q=message:nothing-77",
        "meta: rare": "?q=meta:order-777",
        "meta: every email's": "?q=meta:web",
        "tag: rare": "?q=tag:rare",
        "tag: every tenth": "?q=tag:receipt",
        "team": "?team__id__exact=1",
        "sender": "?sender=news@example.org",
        "key": "?key=bench000",
        "tried=ses": "?tried=ses",
        "tried=sendgrid, rare": "?tried=sendgrid",
        "error": "?error=throttled",
        "error nobody has": "?error=sender_refused",
        "age=24h": "?age=24h",
        "doubt=duplicate, nobody's": "?doubt=duplicate",
        "doubt=waiting": "?doubt=waiting",
        "dashboard, 1 h": "/admin/?span=1h",
        "dashboard, 24 h": "/admin/?span=24h",
    }


def fill(count: int) -> None:
    from django.db import connection, transaction

    from delivery.models import ApiKey, Team
    from delivery.models.access import OWNER_COLUMN

    teams = [Team.objects.create(pk=number, name=f"team {number}") for number in (1, 2)]
    ApiKey.objects.create(pk=1, public_id="bench000", team=teams[0], name="bench")
    with transaction.atomic(), connection.cursor() as cursor:
        for table, columns, rows in (
            ("delivery_email", EMAIL.format(owner=OWNER_COLUMN), emails(count)),
            ("delivery_recipient", RECIPIENT, recipients(count)),
            ("delivery_attempt", ATTEMPT, attempts(count)),
            ("delivery_tag", TAG, tags(count)),
        ):
            marks = ", ".join(["%s"] * len(columns.split(",")))
            insert(cursor, f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")


EMAIL = (
    "id, created_at, from_name, from_address, reply_to, subject, text_body, html_body, headers, tags, metadata, "
    "on_ambiguous, status, provider, reason, left_out, expires_at, rounds, epoch, {owner}, key_id"
)
RECIPIENT = "email_id, kind, name, address, canonical, status, reason"
ATTEMPT = (
    "id, email_id, provider, epoch, outcome, provider_message_id, code, detail, started_at, latency_ms, error"
)
TAG = "email_id, name"


def insert(cursor: Any, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    from itertools import islice

    while batch := list(islice(rows, 5000)):
        cursor.executemany(statement, batch)


def moments(count: int) -> Iterator[tuple[int, datetime, str]]:
    """Yield number, time and id of each email; the same ones every time."""
    from delivery.db import ids

    start, chance = START - SPAN, random.Random(7)
    for n in range(count):
        moment = start + SPAN * n / count
        key = ids._stamped(int(moment.timestamp() * 1000), 0, chance.getrandbits(62))
        yield n, moment, key.hex


START = datetime.now(UTC)


def emails(count: int) -> Iterator[tuple[Any, ...]]:
    body = "Hello, this is what the email says. " * 12
    chance = random.Random(8)
    for n, moment, key in moments(count):
        subject = KINDS[n % 5].format(n=n)
        head = (
            key,
            moment,
            "Example",
            "news@example.org" if n % 50 == 0 else "shop@example.org",
            "[]",
            subject,
            body,
            f"<p>{body}</p>",
            "{}",
            "[]",
            json.dumps({"order": f"order-{n}", "from": "web"}),
        )
        made = ("resend", chance.choice(STATUSES), chance.choice(PROVIDERS), "", "{}", moment, 1, 1)
        yield (*head, *made, 1 if n % 3 == 0 else 2, 1 if n % 7 == 0 else None)


def recipients(count: int) -> Iterator[tuple[Any, ...]]:
    for n, _, key in moments(count):
        address = "alerts@example.org" if n % 10 == 0 else f"person{n % (count // 5)}@example.org"
        address = "x@rare.example" if n % (count // 100) == 0 else address
        yield key, "to", f"Ann Lee{n}", address, address, "accepted", ""


def attempts(count: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(9)
    for n, moment, key in moments(count):
        made = (key, "sendgrid" if n % 200 == 0 else "ses", 1, "accepted", f"message-{n}", "", "", moment, 45)
        yield f"{key[:12]}{chance.getrandbits(80):020x}", *made, "throttled" if n % 100 == 0 else ""


def tags(count: int) -> Iterator[tuple[Any, ...]]:
    for n, _, key in moments(count):
        if n % 10 == 0:
            yield key, "rare" if n % (count // 100) == 0 else "receipt"


def measure(count: int, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each question on a database of this size; runs in a process of its own."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    fill(count)
    print(f"  {count:,} emails in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    return {
        name: median(client, query if query.startswith("/") else "/admin/delivery/email/" + query, rounds)
        for name, query in questions().items()
    }


def median(client: Any, path: str, rounds: int) -> float:
    times = []
    for _ in range(rounds + 2):
        started = time.perf_counter()
        answer = client.get(path)
        times.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    return statistics.median(times[2:])


def child(count: int, rounds: int, folder: Path) -> dict[str, float]:
    url = f"sqlite:///{folder / f'log-{count}.sqlite3'}"
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_DEBUG": "false",
        "DJANGO_SECRET_KEY": "only-for-this-measurement-" * 3,
        "DJANGO_ALLOWED_HOSTS": "testserver",
        "DJANGO_SETTINGS_MODULE": "gomail.settings",
        "GOMAIL_PROVIDERS": "ses,sendgrid",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, __file__, "--child", str(count), "--rounds", str(rounds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd=folder)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def report(small: dict[str, float], large: dict[str, float]) -> bool:
    print(f"{'question':34}{'small':>10}{'large':>10}{'ratio':>8}")
    for name, before in small.items():
        print(f"{name:34}{before:8.1f}ms{large[name]:8.1f}ms{large[name] / before:8.2f}")
    worst = max(large[name] / small[name] for name in small)
    print(f"\nworst ratio {worst:.2f}, goal ≤ {GOAL}")
    return worst <= GOAL


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs=2, default=[10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.rounds)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        small, large = (child(count, options.rounds, folder) for count in options.sizes)
    sys.exit(0 if report(small, large) else 1)


if __name__ == "__main__":
    main()
