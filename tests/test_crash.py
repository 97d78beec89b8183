"""What the log says after `kill -9`: a real server process, killed between the provider's call and our last write."""

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import fakes
from tests.providers.fault_server import answer, hang
from tests.servers import SOON, Installation, eventually

pytestmark = pytest.mark.processes


@pytest.fixture
def gomail(tmp_path: Path, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> Installation:
    return Installation(tmp_path, fakes.variables(ses, sendgrid))


def killed_while_ses_is_silent(gomail: Installation, ses: fakes.FakeVendor, on_ambiguous: str) -> None:
    ses.default = hang()
    with gomail.serving():
        client = CLIENT.format(url=gomail.url("send-email/"), on_ambiguous=on_ambiguous)
        posting = subprocess.Popen([sys.executable, "-c", client])
        eventually(lambda: len(ses.mails) == 1)
    posting.wait()  # the server and all its threads are gone


def test_a_server_killed_while_ses_is_silent_leaves_an_email_that_says_unknown_and_stops_there(
    gomail: Installation, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    killed_while_ses_is_silent(gomail, ses, "stop")

    ses.default = answer(200, {"MessageId": "a second copy"})
    with gomail.serving():
        (email,) = gomail.emails()
        assert (email["status"], email["attempts"][0]["outcome"]) == ("sending", "started")

        with gomail.running("manage.py", "worker"):
            eventually(lambda: gomail.email(email["id"])["status"] == "unknown")

        settled = gomail.email(email["id"])
    assert settled["attempts"][0]["outcome"] == "unknown"
    assert settled["recipients"][0]["status"] == "unknown"
    assert (len(ses.mails), len(sendgrid.mails)) == (1, 0)


def test_a_server_killed_while_ses_is_silent_leaves_an_email_that_is_sent_again_and_says_so(
    gomail: Installation, ses: fakes.FakeVendor
) -> None:
    killed_while_ses_is_silent(gomail, ses, "resend")

    ses.default = answer(200, {"MessageId": "a second copy"})
    gomail.environment["GOMAIL_HOLD_SECONDS"] = "0"
    with gomail.serving(), gomail.running("manage.py", "worker"):
        eventually(lambda: gomail.emails()[0]["status"] == "sent")
        (email,) = gomail.emails()

    assert [attempt["outcome"] for attempt in email["attempts"]] == ["unknown", "accepted"]
    assert (email["possible_duplicate"], len(ses.mails)) == (True, 2)


def test_a_server_killed_after_the_answer_of_ses_leaves_no_doubt(
    gomail: Installation, ses: fakes.FakeVendor
) -> None:
    gomail.environment |= {"GOMAIL_TESTING": "true", "GOMAIL_FAILPOINTS": "after-journal=1"}
    with gomail.serving(), pytest.raises(http.client.RemoteDisconnected):
        gomail.post()
    gomail.environment["GOMAIL_FAILPOINTS"] = ""

    with gomail.serving(), gomail.running("manage.py", "worker"):
        eventually(lambda: gomail.emails()[0]["status"] == "sent")
        (email,) = gomail.emails()

    assert [attempt["outcome"] for attempt in email["attempts"]] == ["accepted"]
    assert (email["possible_duplicate"], len(ses.mails)) == (False, 1)


def test_a_journal_that_cannot_be_applied_does_not_stop_the_server(
    gomail: Installation, tmp_path: Path
) -> None:
    strange = tmp_path / "journal" / "01a217b9-1645-4f63-98d7-f511c2d3d41a-1.journal"
    strange.parent.mkdir()
    strange.write_text('{"attempt":"no id of ours","outcome":"accepted"}\n')

    with gomail.serving():  # the port is open before a process is behind it
        gomail.post()


@pytest.mark.slow
def test_an_email_that_ends_whatever_has_it_is_quarantined_and_holds_up_no_other(
    gomail: Installation, ses: fakes.FakeVendor
) -> None:
    gomail.environment |= {"GOMAIL_TESTING": "true", "GOMAIL_FAILPOINTS": "after-claim@poison=1"}
    with gomail.serving():
        gomail.post("poison", prefer="respond-async")
        for _ in range(2):
            with gomail.running("manage.py", "worker") as worker:
                eventually(lambda: worker.poll() == -signal.SIGKILL)
        for _ in range(3):
            gomail.post(prefer="respond-async")
        with gomail.running("manage.py", "worker"):
            eventually(lambda: len(gomail.emails("sent")) == 3)
            eventually(lambda: len(gomail.emails("quarantined")) == 1)

    assert len(ses.mails) == 3


@contextmanager
def stopped_with_a_suspect(gomail: Installation, ses: fakes.FakeVendor) -> Iterator[None]:
    """Serve, and stop a worker in order while a suspect of its is at the first provider."""
    with gomail.serving():
        gomail.post(prefer="respond-async")
        gomail.manage("shell", "-c", "from delivery.models import Email; Email.objects.update(crashes=2)")
        with gomail.running("manage.py", "worker") as worker:
            eventually(lambda: len(ses.mails) == 1)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(SOON) == 0
        yield


@pytest.mark.slow
def test_a_worker_that_is_stopped_waits_for_the_suspect_that_it_has_given_out(
    gomail: Installation, ses: fakes.FakeVendor
) -> None:
    ses.default = answer(200, {"MessageId": "late"}, wait=2.0)
    with stopped_with_a_suspect(gomail, ses):
        assert gomail.emails()[0]["status"] == "sent"


@pytest.mark.slow
def test_a_suspect_whose_worker_is_stopped_is_offered_to_no_further_provider(
    gomail: Installation, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = answer(503, {"message": "come again"}, wait=2.0)
    with stopped_with_a_suspect(gomail, ses):
        assert (gomail.emails()[0]["status"], sendgrid.mails) == ("queued", [])


def test_a_worker_sends_what_was_kept_while_every_provider_was_down(
    gomail: Installation, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = fakes.SES_FAILING
    sendgrid.default = fakes.SENDGRID_DOWN
    with gomail.serving():
        gomail.post()
        assert gomail.emails()[0]["status"] == "queued"

        ses.default = answer(200, {"MessageId": "after the outage"})
        with gomail.running("manage.py", "worker"):
            eventually(lambda: gomail.emails()[0]["status"] == "sent")
        attempts = gomail.emails()[0]["attempts"]

    assert [a["outcome"] for a in attempts][-1] == "accepted"
    assert attempts[-1]["provider_message_id"] == "after the outage"


CLIENT = """
import contextlib, json, urllib.request
body = json.dumps({{"to_addresses": "ann@example.org", "on_ambiguous": "{on_ambiguous}"}}).encode()
with contextlib.suppress(OSError):  # the server dies under it
    urllib.request.urlopen(urllib.request.Request("{url}", body, {{"Content-Type": "application/json"}}), timeout=60)
"""
