"""I1: a CSV of contacts comes in, and beside it by what one writes in an afternoon, alternated on the same database.

The peer reads with csv.DictReader, checks with email-validator, and calls update_or_create and get_or_create a row.
"""

import csv
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import servers
from benchmarks.report import Row
from benchmarks.rounds import Rounds, order, paired
from benchmarks.servers import GOMAIL, Site, Stub

_RATE, _MEMORY = 16_000, 80.0  # rows a second, MiB
_BAD = 100  # every hundredth row has no address


def measure(kind: str, database: str, vendor: Stub, folder: Path, rounds: Rounds) -> Iterator[Row]:
    """Yield rows a second of both, and rate and memory of a whole large file."""
    with servers.site(GOMAIL, database, vendor, folder / "importing") as place:
        ours, theirs = _alternated(place, rounds)
        name = f"import, {kind}: rows a second"
        peer = f"{name} (peer: a loop of update_or_create)"
        yield Row("I1", peer, median(ours), median(theirs), paired(ours, theirs), 10, unit="/s", least=True)
        whole = _run(place, "ours", rounds.import_whole)
    title = f"{name}, {rounds.import_whole:,} rows"
    yield Row("I1", title, whole["rate"], None, None, _RATE, unit="/s", judged="value", least=True)
    yield Row(
        "I1", f"import, {kind}: most memory", whole["memory"], None, None, _MEMORY, unit="MiB", judged="value"
    )


def _alternated(place: Site, rounds: Rounds) -> tuple[list[float], list[float]]:
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds.imports):
        for which in order(number):
            word, rows = (("ours", rounds.import_each), ("peer", rounds.import_each // 50))[which]
            rates[which].append(_run(place, word, rows)["rate"])
    return rates


def _run(place: Site, which: str, rows: int) -> dict[str, float]:
    # Ours as a worker's child runs it.
    settings = "gomail.lean" if which == "ours" else "gomail.settings"
    told = servers.ask(place, "-m", "benchmarks.importing", which, str(rows), DJANGO_SETTINGS_MODULE=settings)
    found: dict[str, float] = json.loads(told)
    return found


def _main(which: str, rows: int) -> None:
    """Import a new file of so many rows in this process, and print rate and memory."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
    import django

    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "contacts.csv"
        _write(file, rows)
        began = time.monotonic()
        (_ours if which == "ours" else _peer)(file)
        seconds = time.monotonic() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": rows / seconds, "memory": most}))


def _write(file: Path, rows: int) -> None:
    run = time.time_ns()
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["Email", "First name", "Last name", "City", "Number"])
        for number in range(rows):
            place = number * 7919 % rows  # in no order
            email = f"p{place}.{run}@example{place % 97}.org" if number % _BAD else f"nobody{number}"
            writer.writerow([email, f"First{place}", f"Last{place}", "Wien", place])


def _ours(file: Path) -> None:
    from delivery.audience import claims, imports, runner
    from delivery.models import Group

    group, _ = Group.objects.get_or_create(name="ours")
    imported = imports.take(None, file, imports.Order(filename=file.name, group=group))
    claimed = claims.take(imported.pk)
    assert claimed
    runner.work(claimed, lambda: True)


def _peer(file: Path) -> None:
    import email_validator

    from delivery.models import Contact, Group, Membership

    group, _ = Group.objects.get_or_create(name="peer")
    with file.open(newline="") as opened:
        for row in csv.DictReader(opened):
            try:
                found = email_validator.validate_email(row["Email"], check_deliverability=False)
            except email_validator.EmailNotValidError:
                continue
            values = {
                "email": found.normalized,
                "first_name": row["First name"],
                "last_name": row["Last name"],
            }
            values["data"] = {"City": row["City"], "Number": row["Number"]}
            contact, _ = Contact.objects.update_or_create(
                team=None, email_key=found.normalized.lower(), defaults=values
            )
            Membership.objects.get_or_create(group=group, contact=contact)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
