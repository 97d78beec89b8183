"""A real GoMail on bad days: python -m tests.faults [--quick | --defects] [--only NAME] [--database-url URL] …"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from tests import environment  # noqa: F401 - before any child reads it: no key of the developer's .env
from tests.faults import days, exam, scenarios, seeds, trials
from tests.faults.installation import Databases
from tests.faults.scenarios import Scenario, Setting
from tests.faults.seeds import Defect
from tests.faults.trial import Trial

PARTS = ("trials", "defects", "days")
T = TypeVar("T", Scenario, Trial, Defect)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was chosen; return 1 when a promise is broken, or a seeded defect was not seen."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every child is ended, too
    chosen = _parser().parse_args(arguments)
    seed = chosen.seed if chosen.seed is not None else random.randrange(1_000_000)
    kind, started = _kind(chosen), time.monotonic()
    print(f"{kind}, --seed {seed}", flush=True)
    with _folder(chosen.keep) as name, _databases(chosen.database_url, name) as databases:
        good = list(_examined(chosen, seed, databases, Path(name)))
    print(
        f"\n{kind}: {'all kept' if all(good) else 'BROKEN'}, {time.monotonic() - started:.0f} s", flush=True
    )
    return int(not all(good))


def _examined(chosen: argparse.Namespace, seed: int, databases: Databases, folder: Path) -> Iterator[bool]:
    """Yield whether each part went well."""
    quick, parts = chosen.quick, _parts(chosen)
    if table := _wanted("trials" in parts, trials.QUICK[_kind(chosen)] if quick else trials.FULL, chosen):
        verdicts = exam.examined(table, seed, databases, folder)
        yield exam.kept(exam.once_more(verdicts, seed, databases, folder) if quick else verdicts)
    if defects := _wanted("defects" in parts, _defects(chosen), chosen):
        yield exam.caught(exam.examined([one.seeded() for one in defects], seed, databases, folder))
    if bad_days := _wanted("days" in parts, scenarios.QUICK if quick else scenarios.FULL, chosen):
        setting = _setting(chosen, seed)
        yield days.kept(bad_days, setting, databases, folder, at_once=2 if quick else 1)


def _parts(chosen: argparse.Namespace) -> Sequence[str]:
    if chosen.defects:
        return ("defects",)
    if chosen.part:
        return (chosen.part,)
    if chosen.quick and chosen.database_url:
        return ("trials", "defects")  # the bad days of a provider are no matter of the database
    return PARTS


def _defects(chosen: argparse.Namespace) -> Sequence[Defect]:
    if chosen.quick and not chosen.part:
        return seeds.QUICK[_kind(chosen)]
    return seeds.DEFECTS


def _kind(chosen: argparse.Namespace) -> str:
    return "PostgreSQL" if chosen.database_url else "SQLite"


def _wanted(wanted: bool, table: Sequence[T], chosen: argparse.Namespace) -> list[T]:
    return [one for one in table if wanted and (not chosen.only or one.name in chosen.only)]


def _setting(chosen: argparse.Namespace, seed: int) -> Setting:
    emails = chosen.emails or (120 if chosen.quick else 1000)
    return Setting(emails=emails, clients=chosen.clients, seed=seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick",
        action="store_true",
        help="few trials, few emails, four of the defects: about half of it on each database",
    )
    size.add_argument(
        "--defects", action="store_true", help="each defect, in little: the harness must see it"
    )
    parser.add_argument("--part", choices=PARTS, help="trials: of us; days: of the first provider; defects")
    parser.add_argument("--emails", type=int, default=0, help="of a provider's bad day")
    parser.add_argument("--clients", type=int, default=24, help="of a provider's bad day")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; else SQLite")
    parser.add_argument("--only", action="append", choices=_names(), metavar="NAME", help=", ".join(_names()))
    parser.add_argument("--seed", type=int, help="of the choices that are the harness' own")
    parser.add_argument("--keep", type=Path, help="an empty folder for logs and databases, which stays")
    return parser


def _names() -> list[str]:
    tables = (scenarios.FULL, scenarios.QUICK, trials.FULL, seeds.DEFECTS)
    return sorted({one.name for table in tables for one in table})


def _folder(keep: Path | None) -> "tempfile.TemporaryDirectory[str] | nullcontext[str]":
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        return nullcontext(str(keep.resolve()))
    return tempfile.TemporaryDirectory(prefix="gomail-faults-")


@contextmanager
def _databases(server: str, folder: str) -> Iterator[Databases]:
    databases = Databases(server, Path(folder))
    try:
        yield databases
    finally:
        databases.close()


if __name__ == "__main__":
    sys.exit(main())
