"""Real processes whose logs nobody takes: emails are taken and sent, commands do their work, all end in order."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fakes
from tests.paths import ROOT
from tests.servers import SOON, Installation, eventually, listening, stopped

pytestmark = pytest.mark.processes
FULL = Path("/dev/full")


@pytest.fixture
def installation(tmp_path: Path, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> Installation:
    return Installation(tmp_path, fakes.variables(ses, sendgrid))


def started(installation: Installation, *arguments: str) -> "subprocess.Popen[bytes]":
    return installation.started(*arguments, output=FULL)


@pytest.mark.slow
def test_servers_and_workers_need_no_output(installation: Installation, ses: fakes.FakeVendor) -> None:
    server = started(installation, "-m", "gunicorn", "--config", "python:gomail.gunicorn")
    worker = started(installation, "manage.py", "worker")
    try:
        eventually(lambda: listening(installation.port))
        installation.post("At once")
        installation.post("Later", prefer="respond-async")
        eventually(lambda: {email["status"] for email in installation.emails()} == {"sent"})
    finally:
        statuses = [stopped(server), stopped(worker)]
    assert (statuses, len(ses.mails)) == ([0, 0], 2)


@pytest.mark.parametrize(
    "command",
    ["doctor", *(pytest.param(each, marks=pytest.mark.slow) for each in ("prune", "after_restore", "check"))],
)
def test_commands_do_their_work_without_output(installation: Installation, command: str) -> None:
    with_output = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT, env=installation.environment, check=False, capture_output=True,
    )  # fmt: skip
    process = started(installation, "manage.py", command)
    assert process.wait(60) == with_output.returncode


def test_a_key_that_cannot_be_told_is_not_made(installation: Installation) -> None:
    assert started(installation, "manage.py", "create_api_key", "shop").wait(60) == 1
    assert _keys(installation) == "0"
    assert installation.manage("create_api_key", "shop").splitlines()[-1].startswith("gm_live_")
    assert _keys(installation) == "1"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_celery_comes_as_far_as_its_broker_without_output(installation: Installation, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.settimeout(SOON)
        url = f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}/"
        installation.environment["CELERY_BROKER_URL"] = url
        process = started(installation, "-m", "celery", "-A", "gomail", kind)
        try:
            broker.accept()[0].close()  # it has printed all that it says of itself before
        finally:
            stopped(process)


def _keys(installation: Installation) -> str:
    program = "from delivery.models import ApiKey; print(ApiKey.objects.count())"
    return installation.manage("shell", "--no-imports", "-c", program).strip()
