"""A suspended account, and four real workers: people are told once, soon, and once that it is over."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from delivery import bundles
from delivery.db import clock
from delivery.models import Alert, Circuit, Incident, ProviderCheck
from tests import fakes
from tests.delivery.factories import draft
from tests.delivery.monitoring.telling import pass_by, titles
from tests.faults import processes
from tests.faults.processes import eventually
from tests.providers.fault_server import FaultServer, answer
from tests.readiness import SENDGRID_SEND, SES_ACCOUNT, make_ready, ses_account
from tests.servers import database_url

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WORKER = ["manage.py", "worker"]
SUSPENDED = "an account cannot send (ses)"


@pytest.fixture
def receiver() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def variables(
    tmp_path: Path, receiver: FaultServer, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> dict[str, str]:
    """What the workers are told: SES first, and where people are."""
    make_ready(ses, sendgrid)
    del sendgrid.paths[SENDGRID_SEND]  # of its test mode
    return fakes.variables(ses, sendgrid) | {
        "DATABASE_URL": database_url(),
        "GOMAIL_PROVIDERS": "ses,sendgrid",
        "GOMAIL_STORAGE_DIR": str(tmp_path / "attachments"),
        "GOMAIL_JOURNAL_DIR": str(tmp_path / "journal"),
        "GOMAIL_TESTING": "true",
        "GOMAIL_ALERT_URLS": f"json://127.0.0.1:{receiver.port}/",
        "GOMAIL_HEARTBEAT_URL": f"http://127.0.0.1:{receiver.port}/ping",
        "WORKER_THREADS": "4",
    }


def send(count: int) -> None:
    with transaction.atomic():
        bundles.save_all([bundles.waiting(draft(), None) for _ in range(count)])


def pings(receiver: FaultServer) -> int:
    return len([got for got in receiver.received if got.path == "/ping"])


def test_a_suspended_account_is_told_once_and_so_is_its_return(
    variables: dict[str, str], tmp_path: Path, ses: fakes.FakeVendor, receiver: FaultServer
) -> None:
    with ExitStack() as running:
        for number in range(4):
            running.enter_context(processes.running(WORKER, variables, tmp_path / f"log-{number}"))
        eventually(lambda: ProviderCheck.objects.filter(checked_at__isnull=False).count() == 2, seconds=60)
        eventually(lambda: pings(receiver) == 1, seconds=30)  # one of them looks for troubles
        ses.default, ses.paths[SES_ACCOUNT] = fakes.SES_SUSPENDED, ses_account(SendingEnabled=False)
        send(10)
        eventually(lambda: Circuit.objects.filter(provider="ses", trouble="account").exists(), seconds=30)
        refused_at = time.monotonic()
        eventually(lambda: titles(receiver) == [SUSPENDED], seconds=30)
        told_after = time.monotonic() - refused_at

        pass_by(minutes=55)
        noted = Incident.objects.filter(seen_at__gte=clock.now() - timedelta(minutes=1))
        eventually(noted.exists, seconds=30)  # somebody has looked since
        assert titles(receiver) == [SUSPENDED]

        # Only a vendor that has said that it is shut is believed when it says that it is open again.
        eventually(lambda: bool(ProviderCheck.objects.get(provider="ses").problems), seconds=60)
        ses.default, ses.paths[SES_ACCOUNT] = answer(200, {"MessageId": "m"}), ses_account()
        restored_at = time.monotonic()
        ProviderCheck.objects.update(
            asked_at=clock.now() - timedelta(seconds=30)
        )  # it waits for as long at most
        eventually(lambda: titles(receiver)[1:] == [f"over: {SUSPENDED}"], seconds=90)
        print(f"told after {told_after:.1f} s, and of the end after {time.monotonic() - restored_at:.1f} s")
    assert Alert.objects.count() == len(titles(receiver)) == 2


@pytest.mark.parametrize(("point", "times"), [("before-alert", 1), ("after-alert", 2)])
def test_a_worker_that_is_killed_between_opening_and_telling_leaves_it_to_the_next(
    variables: dict[str, str], tmp_path: Path, receiver: FaultServer, point: str, times: int
) -> None:
    Circuit.objects.create(provider="ses", state="out", trouble="failing")
    Circuit.objects.filter(provider="ses").update(state="open", retry_at="2999-01-01T00:00Z")
    dying = variables | {"GOMAIL_FAILPOINTS": f"{point}=1"}
    with processes.running(WORKER, dying, tmp_path / "log") as worker:
        eventually(lambda: worker.poll() == -signal.SIGKILL, seconds=40)
    assert (Incident.objects.get().told, len(titles(receiver))) == ("", times - 1)

    with processes.running(WORKER, variables, tmp_path / "log"):
        eventually(lambda: Incident.objects.filter(lease_until__isnull=False).exists(), seconds=30)
        pass_by(minutes=1)  # the lease of the dead one's claim
        eventually(lambda: Incident.objects.get().told == "opened", seconds=40)
    assert titles(receiver) == ["a provider is not used (ses)"] * times
