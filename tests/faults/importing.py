"""Files of contacts come in while the processes that read them are killed, again and again."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.faults import processes
from tests.faults.trial import Scene

_PATH = "/api/v1/email-service/imports/?confirm=auto&max_bad=5%25"
_PEOPLE = 0.7  # of the rows; the others name somebody again
_BAD = 97  # every so many-th row has no address
_LONGEST = 1.2  # seconds from a process's beginning to its end
_NEARLY = 0.8
_IN_VAIN = 2  # kills in a row without a step between them: the third would be a file that ends its processes
_FOUND = "SELECT email, first_name FROM delivery_contact ORDER BY email"
_REJECTS = "SELECT line, code FROM delivery_importreject ORDER BY line"
_COUNTS = "SELECT status, total, created, updated, unchanged, failed, duplicates FROM delivery_import"


def killed(scene: Scene, *, kills: int) -> None:
    """One file is checked and run; each of so many kills falls somewhere into that."""
    rows = list(_rows(6000 * kills))
    _bring(scene, rows)
    done = 0
    while done < kills and not _is_over(scene):
        done += _kill(scene)
    scene.figures |= {"readers killed": str(done), "rows": f"{len(rows):,}"}
    scene.expect(done >= kills * _NEARLY, f"only {done} of {kills} kills fell into the import")
    processes.eventually(lambda: _is_over(scene), seconds=300, pause=0.5)
    _compare(scene, rows)


def _rows(count: int) -> Iterator[tuple[str, str]]:
    people = int(count * _PEOPLE)
    for number in range(count):
        name = "nobody" if number % _BAD == 0 else f"p{number % people}@example.org"
        yield name, f"N{number}"


def _bring(scene: Scene, rows: list[tuple[str, str]]) -> None:
    text = "email,first_name\n" + "".join(f"{email},{name}\n" for email, name in rows)
    url = f"http://127.0.0.1:{scene.gomail.port}{_PATH}"
    request = urllib.request.Request(url, text.encode(), {"Content-Type": "text/csv"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["status"] == "uploaded"


def _kill(scene: Scene) -> int:
    """Kill the process that reads the file, at any moment; wait for a step where two kills saw none."""
    processes.eventually(lambda: _is_over(scene) or bool(_reading(scene)), seconds=60, pause=0.05)
    time.sleep(scene.dice.uniform(0.0, _LONGEST))
    if _in_vain(scene) >= _IN_VAIN - 1:
        processes.eventually(lambda: not _in_vain(scene) or _is_over(scene), seconds=60, pause=0.05)
    gone = 0
    for pid in _reading(scene):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            gone += 1
    return gone


def _in_vain(scene: Scene) -> int:
    """Return how many ended since the last chunk before the one that reads now; a check forgets what it counted."""
    return int(scene.ask("SELECT crashes FROM delivery_import"))


def _is_over(scene: Scene) -> bool:
    return bool(scene.ask("SELECT count(*) FROM delivery_import WHERE status IN ('done', 'failed', 'ready')"))


def _reading(scene: Scene) -> list[int]:
    """Return the processes of this installation that import."""
    ours = f"GOMAIL_JOURNAL_DIR={scene.gomail.environment['GOMAIL_JOURNAL_DIR']}".encode()
    return [pid for pid in _pids() if _has(pid, "cmdline", b"run_imports") and _has(pid, "environ", ours)]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _has(pid: int, file: str, text: bytes) -> bool:
    with suppress(OSError):
        return text in Path(f"/proc/{pid}/{file}").read_bytes().split(b"\0")
    return False


def _compare(scene: Scene, rows: list[tuple[str, str]]) -> None:
    """See that everything is as one undisturbed process would have left it."""
    people: dict[str, str] = {email: name for email, name in rows if "@" in email}
    bad = [(line, "invalid_address") for line, (email, _) in enumerate(rows, 2) if "@" not in email]
    again = len(rows) - len(bad) - len(people)
    expected = [("done", len(rows), len(people), 0, 0, len(bad), again)]
    found = [tuple(row) for row in scene.rows(_COUNTS)]
    scene.expect(found == expected, f"the counts are {found}, not {expected}")
    same = [tuple(row) for row in scene.rows(_FOUND)] == sorted(people.items())
    scene.expect(same, "the contacts are not those of an undisturbed import")
    scene.expect([tuple(row) for row in scene.rows(_REJECTS)] == bad, "the rejects are others")
