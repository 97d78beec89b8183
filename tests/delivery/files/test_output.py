"""A process whose output nobody takes: it works on, ends in order, and nothing else gets the number of its stderr."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

_PROGRAM = """
import logging, os, subprocess, sys
if {tolerant}:
    from delivery.files import output
    output.tolerate_loss()
opened = os.open({kept!r}, os.O_CREAT | os.O_WRONLY)
logging.basicConfig()
for number in range(3000):
    print("said on stdout", number, flush=number % 2 == 0)
    logging.error("said on stderr %s", number)
subprocess.run([sys.executable, "-c", "import os; os.write(1, b'child'); os.write(2, b'child')"])
os.write(opened, b"done, by file %d" % opened)
"""


@contextmanager
def full() -> Iterator[dict[str, Any]]:
    """Give a disk without room."""
    with Path("/dev/full").open("wb") as nowhere:
        yield {"stdout": nowhere, "stderr": nowhere}


@contextmanager
def unread() -> Iterator[dict[str, Any]]:
    """Give a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield {"stdout": writer, "stderr": writer}
    finally:
        os.close(writer)


def closed() -> Any:
    """Give no files at all."""
    return nullcontext({"preexec_fn": lambda: [os.close(number) for number in range(3)]})


WAYS = pytest.mark.parametrize("way", [full, unread, closed])


def run(way: Callable[[], Any], kept: Path, *, tolerant: bool = True) -> tuple[int, str]:
    """Run the program; return its exit status and what it kept."""
    program = _PROGRAM.format(tolerant=tolerant, kept=str(kept))
    with way() as streams:
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60, **streams)
    return done.returncode, kept.read_text() if kept.exists() else ""


@WAYS
def test_a_process_works_on_and_ends_in_order(way: Callable[[], Any], tmp_path: Path) -> None:
    status, kept = run(way, tmp_path / "kept")
    assert (status, kept.startswith("done, by file ")) == (0, True)
    assert int(kept.rpartition(" ")[2]) > 2


@WAYS
def test_without_that_it_would_not(way: Callable[[], Any], tmp_path: Path) -> None:
    status, kept = run(way, tmp_path / "kept", tolerant=False)
    assert status or "done, by file 0" in kept


def test_what_can_be_written_is_written_in_order() -> None:
    program = (
        "import sys; from delivery.files import output; print('before'); output.tolerate_loss(); "
        "print('Grüße'); print('error', file=sys.stderr); print('after', output.was_lost())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    assert done.stdout.decode().split() == ["before", "Grüße", "after", "False"]
    assert done.stderr.decode().split() == ["error"]
