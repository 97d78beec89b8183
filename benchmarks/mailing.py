"""G10, M1 to M4: a mailing by one worker, beside a loop that creates a row, calls the provider and saves the row."""

import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import servers
from benchmarks.report import Row
from benchmarks.rounds import Rounds, order
from benchmarks.servers import GOMAIL, PEER, Site, Stub

_CALLS = 300  # of the provider alone, to know what one costs
_ORDINARY, _THREADS = 32, 64  # WORKER_THREADS by default, and of a worker for large mailings
_PAUSE, _BETWEEN_CODES = 8.0, 0.5  # seconds
_BEYOND, _LESS = 300, 9  # microseconds; times less than the whole loop
_RATE, _FIRST, _CODE = 400, 3, 1  # emails a second; seconds
_HELLO = "Hello {{ contact.first_name }}"
_TEXT = ("This is a line of an ordinary letter to somebody.\n" * 20)[:850]


def measure(kind: str, database: str, vendor: Stub, folder: Path, rounds: Rounds) -> Iterator[Row]:
    """Yield the processor's time for each mail, and what a large mailing at a provider of 50 ms comes to."""
    with (
        servers.site(GOMAIL, database, vendor, folder / "mailing") as ours,
        servers.site(PEER, database, vendor, folder / "loop") as peer,
    ):
        yield from _processor(kind, _alternated(ours, peer, rounds))
        vendor.delay(50)
        told = _ask(ours, "large", rounds.mailing_whole)
        vendor.delay(0)
    title = f"mailing of {rounds.mailing_whole:,}, {kind}"
    rate = f"{title}, provider of 50 ms: emails a second"
    yield Row("M1", rate, told["rate"], None, None, _RATE, unit="/s", judged="value", least=True)
    yield Row("M2", f"{title}: start to first mail", told["first"], None, None, _FIRST, "s", "value")
    yield Row("M3", f"{title}: pause to last mail", told["pause"], None, None, 5, "s", "value")
    yield Row("M4", f"{title}: sign-in codes meanwhile, p99", told["code"], None, None, _CODE, "s", "value")
    yield Row("M1", f"{title}: memory of the worker", told["memory"], None, None, None, "MiB", "value")
    yield Row("M1", f"{title}: database for each recipient", told["bytes"], None, None, 1024, "B", "value")


def _alternated(ours: Site, peer: Site, rounds: Rounds) -> tuple[list[float], list[float]]:
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds.mailings):
        for which in order(number):
            told = _ask((ours, peer)[which], ("ours", "loop")[which], rounds.mailing_each)
            spent[which].append(told["whole"] - (0 if which else told["call"]))
    return spent


def _processor(kind: str, spent: tuple[list[float], list[float]]) -> Iterator[Row]:
    beyond, whole = median(spent[0]), median(spent[1])
    name = f"mailing, {kind}: CPU of a mail beyond the provider's call"
    yield Row("G10", name, beyond, None, None, _BEYOND, "µs", "value")
    less = median(one / other for other, one in zip(*spent, strict=True))
    peer = f"{name} (peer: the loop, call and all)"
    yield Row("G10", peer, beyond, whole, less, _LESS, "µs", least=True)


def _ask(place: Site, word: str, number: int) -> dict[str, float]:
    found: dict[str, float] = json.loads(servers.ask(place, "-m", "benchmarks.mailing", word, str(number)))
    return found


def _main(word: str, number: int) -> None:
    import django

    django.setup()
    print(json.dumps({"ours": _ours, "loop": _loop, "large": _large}[word](number)))


def _ours(number: int) -> dict[str, float]:
    """Send a mailing by a worker in this process; return microseconds of a processor for a mail, and for a call."""
    mailing = _checked(number)
    began = time.process_time()
    _start(mailing)
    _work_until(lambda: _is_done(mailing), threads=_ORDINARY)
    return {"whole": _micro(time.process_time() - began, number), "call": _call()}


def _loop(number: int) -> dict[str, float]:
    """Do what one writes in an afternoon."""
    from benchmarks.peer.models import Email
    from benchmarks.peer.views import offer

    began = time.process_time()
    for place in range(number):
        text = f"Hello Person {place},\n{_TEXT}"
        to = [f"person{place}@example.org"]
        email = Email.objects.create(
            from_address="bench@example.org", to_addresses=to, subject="News", body=text
        )
        email.status, email.message_id = "sent", offer(email, [])
        email.save(update_fields=["status", "message_id"])
    return {"whole": _micro(time.process_time() - began, number)}


def _checked(number: int) -> Any:
    from django.db import transaction

    from delivery.mailings import run, states
    from delivery.models import Group

    group = Group.objects.create(
        name=f"g{time.time_ns()}", from_address="bench@example.org", unsubscribe=False
    )
    _people(group, number)
    with transaction.atomic():
        mailing = states.create(None, name="News", group=group, subject=_HELLO, text=f"{_HELLO},\n{_TEXT}")
        states.ask_check(mailing)
    while not run.check_now(mailing, 600):
        pass
    return mailing


def _people(group: Any, number: int) -> None:
    from delivery.models import Contact, Membership

    for start in range(0, number, 5000):
        names = [
            f"p{place}.{time.time_ns()}@example.org" for place in range(start, min(number, start + 5000))
        ]
        people = [Contact(email=name, email_key=name, first_name=name.partition(".")[0]) for name in names]
        Contact.objects.bulk_create(people)
        Membership.objects.bulk_create(Membership(group=group, contact=contact) for contact in people)


def _start(mailing: Any) -> None:
    from django.db import transaction

    from delivery.mailings import states

    with transaction.atomic():
        states.start(mailing, mailing.check_result["recipients"])


def _is_done(mailing: Any) -> bool:
    """Ask as cheaply as may be: it is asked in the process that is measured."""
    from delivery.models import Mailing

    return bool(Mailing.objects.filter(pk=mailing.pk, state="done").exists())


def _large(number: int) -> dict[str, float]:
    """Send a large mailing beside sign-in codes, with one pause in its middle."""
    from delivery.models import Email

    mailing, before, codes = _checked(number), _bytes(), _Codes()
    _start(mailing)
    began = time.time()
    looker = _Pausing(mailing, number)
    codes.begin()
    _work_until(lambda: (_is_done(mailing) or looker.look()) and codes.end(), threads=_THREADS)
    sent = Email.objects.filter(mailing=mailing).order_by("finished_at").values_list("finished_at", flat=True)
    first, last = sent.first(), sent.last()
    assert first
    assert last
    return {
        "rate": (number - 1) / ((last - first).total_seconds() - looker.rest),
        "first": first.timestamp() - began,
        "pause": looker.late,
        "code": codes.p99(),
        "memory": _memory(),
        "bytes": (_bytes() - before) / number,
    }


class _Pausing:
    """Pauses the mailing once in its middle for a few seconds, and sees when the last email left."""

    def __init__(self, mailing: Any, number: int) -> None:
        self._mailing, self._number, self._at = mailing, number, 0.0
        self.late = self.rest = 0.0

    def look(self) -> bool:
        from django.db import transaction

        from delivery.mailings import states

        if not self._at and self._sent().count() > self._number / 2:
            with transaction.atomic():
                states.pause(self._mailing, "the benchmark")
            self._at = time.time()
        elif self._at and not self.rest and time.time() > self._at + _PAUSE:
            last = self._sent().latest("finished_at").finished_at
            assert last
            self.late, self.rest = max(0.0, last.timestamp() - self._at), time.time() - self._at
            with transaction.atomic():
                states.resume(self._mailing)
        return False

    def _sent(self) -> Any:
        from delivery.models import Email

        return Email.objects.filter(mailing=self._mailing, status="sent").order_by()


class _Codes:
    """Accepts a sign-in code now and then for the worker, and measures until it was sent."""

    def __init__(self) -> None:
        self._over, self._made = threading.Event(), []  # type: ignore[var-annotated]
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> bool:
        """Accept no more; tell whether all are sent."""
        from delivery.models import Email

        self._over.set()
        self._thread.join()
        return not Email.objects.filter(pk__in=self._made).exclude(status="sent").exists()

    def _go_on(self) -> None:
        from delivery.content.drafts import Draft
        from delivery.submission import emails
        from providers.message import Mailbox

        here = Mailbox(address="bench@example.org")
        code = Draft(sender=here, to=(here,), subject="Your code", text="123456", priority="high")
        while not self._over.wait(_BETWEEN_CODES):
            self._made.append(emails.accept(code, team=None).pk)

    def p99(self) -> float:
        from delivery.models import Email

        sent = Email.objects.filter(pk__in=self._made, status="sent").values_list("created_at", "finished_at")
        assert len(sent) == len(self._made)
        waits = sorted((finished - made).total_seconds() for made, finished in sent if finished)
        return waits[int(len(waits) * 0.99)] if waits else 0.0


def _bytes() -> int:
    """Return the size of the database."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _work_until(over: Callable[[], bool], *, threads: int) -> None:
    from delivery.workers import embedded

    stop = threading.Event()
    worker = threading.Thread(target=embedded.run, args=(stop,), kwargs={"threads": threads})
    worker.start()
    try:
        while not over():
            time.sleep(0.2)
    finally:
        stop.set()
        worker.join()


def _call() -> float:
    """Return what a call of the provider costs by itself."""
    from delivery import bundles
    from delivery.models import Email
    from delivery.routing import configured

    message = bundles.load(Email.objects.latest("id")).message()
    provider = configured.providers()[0]
    provider.send(message, "an attempt")
    began = time.process_time()
    for _ in range(_CALLS):
        provider.send(message, "an attempt")
    return _micro(time.process_time() - began, _CALLS)


def _micro(seconds: float, number: int) -> float:
    return seconds / number * 1e6


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
