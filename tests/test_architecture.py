"""The root tells the path of an email, and a tool says so on every run."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

PACKAGES = ("gomail", "api", "delivery", "providers")


def test_every_import_goes_in_the_one_direction() -> None:
    # In a process of its own: it sets up logging, and switches off every logger that is there already.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_test_file_imports_another_test_file() -> None:
    importing = [
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and any(part.startswith("test_") for part in (node.module or "").split("."))
    ]
    assert importing == []


def test_no_module_has_more_than_300_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_no_function_has_more_than_40_lines() -> None:
    assert [name for name, length in functions() if length > 40] == []


LOOPS = {
    "delivery/workers/loop.py",
    "delivery/recovery/quarantine.py",
    "delivery/deletion/background.py",
    "delivery/erasure/background.py",
    "delivery/recovery/rescue.py",
    "delivery/db/outages.py",
    "delivery/db/group_commit.py",
    "delivery/queue/notifier.py",
    "delivery/events/polling.py",
    "delivery/mailings/run.py",
    "delivery/sending/waves.py",
}


def test_only_loops_over_many_catch_what_they_do_not_know() -> None:
    broad = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and not _raises_again(node)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert {place.partition(":")[0] for place in broad} == LOOPS


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)


def functions() -> Iterator[tuple[str, int]]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1
