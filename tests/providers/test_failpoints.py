"""Failpoints: what can be armed, and that a process really ends there."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from providers import failpoints
from tests.paths import ROOT

ARMED = """
from providers import failpoints
failpoints.arm({text!r})
failpoints.reach({name!r}, about={about!r})
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def status(text: str, name: str, about: str = "") -> int:
    code = ARMED.format(text=text, name=name, about=about)
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_a_process_ends_where_it_was_told_to_and_nowhere_else() -> None:
    assert status("after-claim=1", "after-claim") == -signal.SIGKILL
    assert status("after-claim=1", "in-finish") == 0
    assert status("after-claim=0", "after-claim") == 0


def test_a_process_that_ends_says_where() -> None:
    code = ARMED.format(text="after-claim=1", name="after-claim", about="")
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert re.fullmatch(r"failpoint after-claim ends process \d+\n", ended.stderr)


def test_a_place_may_be_for_one_email_alone() -> None:
    assert status("after-claim@poison=1", "after-claim", about="this is poison") == -signal.SIGKILL
    assert status("after-claim@poison=1", "after-claim", about="honey") == 0


@pytest.mark.parametrize("text", ["nowhere=1", "after-claim=often", "after-claim"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(failpoints.Unreadable):
        failpoints.arm(text)


FORKING = """
import os
from providers import failpoints
failpoints.arm("seed=7,after-claim=0.5")
for _ in range(2):
    if os.fork() == 0:
        print(failpoints._armed.dice.random(), flush=True)
        os._exit(0)
    os.wait()
"""


def test_each_forked_process_has_dice_of_its_own_the_same_in_every_run() -> None:
    thrown = [subprocess.check_output([sys.executable, "-c", FORKING]) for _ in range(2)]
    assert thrown[0] == thrown[1]
    assert len(set(thrown[0].split())) == 2


def test_every_place_of_the_list_is_reached_somewhere_in_the_code() -> None:
    code = [
        file.read_text() for part in ("api", "delivery", "providers") for file in (ROOT / part).rglob("*.py")
    ]
    found = re.findall(r'failpoints\.reach\("([a-z-]+)"', "".join(code))
    assert set(found) == set(failpoints.POINTS)
