"""Older data comes back, clocks lie, and a database server promises more than it keeps."""

import json
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from tests.faults import checks, outages, processes, promises
from tests.faults.deaths import ill
from tests.faults.trial import Scene

_LOOKS = 12.0  # seconds in which every process has looked twice
_SETTLED = 90.0  # seconds
_EARLY, _LATE = 0.1, 20.0  # seconds by which mail for later may be off
Save, Restore = Callable[[], None], Callable[[], None]


def file_replaced(scene: Scene) -> None:
    """A backup of the SQLite file is put in place while GoMail is stopped; nobody says so at first."""
    file = _file(scene)
    _go_back(scene, lambda: _backup(file), lambda: _put_back(scene, file))
    _hold_then_say_so(scene)


def file_replaced_under_way(scene: Scene) -> None:
    """The same while GoMail is running: its processes end, and new ones see what it is."""
    file, saved = _file(scene), _saved(_file(scene))
    _go_back(scene, lambda: _backup(file), lambda: _replace(saved, file))
    processes.eventually(lambda: "was replaced while" in scene.gomail.log(), seconds=60)
    _hold_then_say_so(scene)


def machine_replaced(scene: Scene) -> None:
    """The same on a machine without a journal, which cannot notice; the command is run before GoMail is."""
    file = _file(scene)

    def put_back() -> None:
        scene.gomail.stop()
        _put_in_place(file)
        shutil.rmtree(scene.gomail.environment["GOMAIL_JOURNAL_DIR"])
        _say_so(scene)
        scene.gomail.start()

    _go_back(scene, lambda: _backup(file), put_back)


def stale_standby(scene: Scene) -> None:
    """PostgreSQL fails over to a standby that lacks the latest commits, while GoMail is running."""
    assert scene.place.server
    _go_back(scene, scene.place.server.save, scene.place.server.go_back)
    _hold_then_say_so(scene)


def lying_clocks(scene: Scene) -> None:
    """Customers order, also for later, and one worker is killed; nothing is earlier or later than it should be."""
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 2)
        for process in scene.nemesis.working("worker")[:1]:
            scene.nemesis.kill(process, "worker")
        time.sleep(scene.trial.seconds / 2)
    scene.drain()
    off = _off_by(scene)
    worst = max(off, key=abs, default=0.0)
    scene.figures["mail for later off by"] = f"{min(off, default=0):.1f} to {max(off, default=0):.1f} s"
    scene.expect(all(-_EARLY <= one <= _LATE for one in off), f"mail for later was sent {worst:.0f} s late")
    scene.expect(bool(off), "no mail was for later")
    scene.expect("clock is 600 s" in scene.gomail.log(), "nobody said that a clock is wrong")
    scene.expect("600 s" in _ready(scene)["clock"], "health does not say that a clock is wrong")


def careless_server(scene: Scene) -> None:
    """PostgreSQL, whose default loses the last commits, loses its power under load."""
    outages.stopped_database(scene)
    said = processes.answer_of(["manage.py", "doctor", "--json"], scene.gomail.environment, statuses=(0, 1))
    scene.expect("synchronous_commit" in said, "doctor does not say that the server's default loses commits")


def _go_back(scene: Scene, save: Save, restore: Restore) -> None:
    """Let emails wait when the state is saved, be sent and others be accepted after it, and then go back."""
    part = scene.trial.seconds / 4
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(part)
    with ill(scene, "unavailable"), scene.customers.ordering(scene.trial.rate):
        time.sleep(part)
    save()
    waiting = scene.gomail.unsettled()
    scene.gomail.hurry()
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(part)
    _settle(scene)
    time.sleep(_LOOKS)
    before = set(scene.gomail.record().emails)
    restore()
    scene.gone = before - set(scene.gomail.record().emails)  # nothing is ordered meanwhile
    scene.figures |= {"waited": str(waiting), "gone": str(len(scene.gone))}
    scene.expect(waiting > 0, "nothing waited when the state was saved")
    scene.expect(bool(scene.gone), "nothing was accepted after the state was saved")


def _settle(scene: Scene) -> None:
    def settled() -> bool:
        scene.gomail.hurry()
        return not scene.gomail.unsettled()

    processes.eventually(settled, seconds=_SETTLED, pause=1.0)


def _hold_then_say_so(scene: Scene) -> None:
    """See that nothing of old is sent again before the command is run, and that new mail is."""
    with suppress(processes.Late):
        processes.eventually(lambda: _says_so(scene), seconds=60)
    scene.expect(_says_so(scene), "health does not say after_restore")
    time.sleep(_LOOKS)
    evidence = scene.evidence()
    again = [*checks.duplicates(evidence, marked=False), *checks.duplicates(evidence, marked=True)]
    scene.expect(not again, f"{len(again)} sent twice before after_restore was run")
    scene.expect(
        not promises.after_doubt(evidence), "`stop` mail was offered again before after_restore was run"
    )
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 4)
    _say_so(scene)


def _say_so(scene: Scene) -> None:
    told = scene.gomail.command("after_restore")
    (scene.gomail.folder / "after_restore.txt").write_text(told)
    scene.figures |= {
        name: line.rpartition(" ")[2]
        for name, words in _FIGURES.items()
        for line in told.splitlines()
        if line.startswith(words)
    }


_FIGURES = {
    "resent": "May have been sent, sent again",
    "left": "May have been sent, left",
    "settled": "Were accepted",
    "listed": "Attempts that the journal knows",
}


def _says_so(scene: Scene) -> bool:
    return bool(_ready(scene).get("database") == "after_restore")


def _ready(scene: Scene) -> dict[str, str]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{scene.gomail.port}/health/ready", timeout=30
        ) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as refused:
        return dict(json.load(refused))
    except (OSError, ValueError):  # its processes are being replaced
        return {}


def _off_by(scene: Scene) -> list[float]:
    """Return by how many seconds mail for later was sent after its time."""
    wanted = {
        pk: datetime.fromisoformat(letter["send_at"]).timestamp()
        for order in scene.customers.orders
        for exchange in order.taken
        for pk, letter in zip(exchange.ids, order.letters, strict=True)
        if "send_at" in letter
    }
    return [entry.at - wanted[entry.email] for entry in scene.vendors.ledger() if entry.email in wanted]


def _file(scene: Scene) -> Path:
    return Path(scene.place.database.removeprefix("sqlite:///"))


def _saved(file: Path) -> Path:
    return file.with_name(f"{file.name}.saved")


def _backup(file: Path) -> None:
    """Save the state as SQLite's own backup does, beside whoever writes."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(_saved(file))) as copy:
        source.backup(copy)


def _put_back(scene: Scene, file: Path) -> None:
    scene.gomail.stop()
    _put_in_place(file)
    scene.gomail.start()


def _replace(saved: Path, file: Path) -> None:
    """Put the backup in place at once; what stood in the old file's log would damage the new one."""
    _without_log(file)
    saved.rename(file)


def _put_in_place(file: Path) -> None:
    _without_log(file)
    shutil.copy(_saved(file), file)


def _without_log(file: Path) -> None:
    for beside in ("-wal", "-shm"):
        file.with_name(f"{file.name}{beside}").unlink(missing_ok=True)
