"""Provider events in: how many are recorded in a second, and how long a full post of SendGrid takes.

    DATABASE_URL=sqlite:////tmp/events.sqlite3 python -m benchmarks.events

It migrates that database, fills it with sent emails, and tells of each of them: by full posts of 1,600 events, by posts
of one event from many threads at once, and by a burst of 50 full posts. Run it on an empty database.
"""

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

POST, THREADS, BURST = 1600, 32, 50
ADDRESS = "bob@example.org"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
    os.environ["DJANGO_DEBUG"] = "true"
    os.environ["GOMAIL_PROVIDERS"] = "sendgrid"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    print(f"{connection.vendor}, {os.cpu_count()} cores")
    posts_of_many()
    posts_of_one()
    over_http()


def seeded(count: int) -> list[UUID]:
    """Return the attempts of so many sent emails."""
    from delivery.db import ids
    from delivery.models import Attempt, Email, Recipient

    emails = [Email(id=ids.uuid7(), from_address="me@example.org", status="sent") for _ in range(count)]
    Email.objects.bulk_create(emails, batch_size=500)
    to = [
        Recipient(email=each, kind="to", address=ADDRESS, canonical=ADDRESS, status="accepted")
        for each in emails
    ]
    Recipient.objects.bulk_create(to, batch_size=500)
    attempts = [
        Attempt(id=ids.uuid7(), email=each, provider="sendgrid", epoch=1, outcome="accepted")
        for each in emails
    ]
    Attempt.objects.bulk_create(attempts, batch_size=500)
    return [each.pk for each in attempts]


def told(attempt: UUID, kind: str = "delivered") -> dict[str, object]:
    """Return an event of about 480 bytes, as SendGrid's are."""
    return {
        "email": ADDRESS,
        "event": kind,
        "timestamp": int(time.time()),
        "gomail_attempt": str(attempt),
        "gomail_email": str(attempt),
        "sg_message_id": f"14c5d75ce93.dfd.64b469.{attempt}",
        "sg_event_id": f"rbtnWrG1DVDGGGFHFyun0A{attempt}",
        "smtp-id": f"<14c5d75ce93.dfd.{attempt}@ismtpd-555>",
        "response": "250 2.0.0 OK  1764329863 x1-20020a05621406a100b005ed3f5d3si99 - gsmtp",
        "ip": "168.1.1.1",
        "tls": 1,
    }


def parsed(attempts: Sequence[UUID]) -> list[object]:
    from datetime import UTC, datetime

    from providers.events import Post
    from providers.sendgrid.events import Source

    body = json.dumps([told(each) for each in attempts]).encode()
    return list(Source([]).parse(Post(body=body, headers={}, url="", at=datetime.now(UTC))))


def posts_of_many() -> None:
    """Record full posts one after the other."""
    from delivery.events import record

    attempts = seeded(POST * 6)
    took = [
        timed(lambda some=some: record.record("sendgrid", parsed(some)))  # type: ignore[misc]
        for some in cut(attempts, POST)
    ]
    print(
        f"a post of {POST} events: {statistics.median(took):.2f} s, {POST / statistics.median(took):,.0f} events/s"
    )


def posts_of_one() -> None:
    """Record posts of one event each from many threads, which share transactions."""
    from django.db import connection

    from delivery.events import record

    attempts = iter(seeded(6000))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                attempt = next(attempts, None)
            if attempt is None:
                connection.close()
                return
            record.record("sendgrid", parsed([attempt]))

    def all_threads() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(work) for _ in range(THREADS)]:
                done.result()

    took = timed(all_threads)
    print(f"posts of one event from {THREADS} threads: {6000 / took:,.0f} events/s")


def over_http() -> None:
    """Post full posts over the whole service, signed: one, and then a burst."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from tests import tellers

    settings.PROVIDER_SECRETS, settings.ALLOWED_HOSTS = tellers.variables(), ["testserver"]
    path, teller = "/api/v1/email-service/events/sendgrid/", tellers.SendGrid()

    def say(some: Sequence[UUID]) -> tuple[int, float, int]:
        said = teller.sign(json.dumps([told(each) for each in some]).encode() + b"\r\n")
        start = time.perf_counter()
        answer = Client().post(path, said.body, content_type="application/json", headers=said.headers)
        connection.close()
        return answer.status_code, time.perf_counter() - start, len(said.body)

    status, took, size = say(seeded(POST))
    print(f"a signed post of {size / 1024:.0f} KB over the service: {status} in {took:.2f} s")
    posts = list(cut(seeded(POST // 8 * BURST), POST // 8))
    start = time.perf_counter()
    with ThreadPoolExecutor(BURST) as pool:
        answers = list(pool.map(say, posts))
    whole = time.perf_counter() - start
    slowest = max(seconds for _, seconds, _ in answers)
    print(
        f"a burst of {BURST} posts of {POST // 8} events: {sorted({status for status, _, _ in answers})}, "
        f"{len(posts) * POST // 8 / whole:,.0f} events/s, the slowest answer after {slowest:.1f} s"
    )


def cut(attempts: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    return (attempts[start : start + size] for start in range(0, len(attempts), size))


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
