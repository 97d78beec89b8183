"""Events over HTTP at a real server: it is killed while vendors post, and nothing that got a 2xx is lost."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests import fakes, tellers
from tests.providers.fault_server import answer, hang
from tests.servers import Installation, eventually

pytestmark = pytest.mark.processes
MAILS, POSTS, IN_A_POST, KILLS = 10, 50, 100, 3
TELLER = tellers.SendGrid()


@pytest.fixture
def gomail(tmp_path: Path, sendgrid: fakes.FakeVendor) -> Installation:
    variables = {**fakes.variables(None, sendgrid), **TELLER.VARIABLES, "GOMAIL_PROVIDERS": "sendgrid"}
    return Installation(tmp_path, variables)


def told(gomail: Installation, events: Sequence[Any]) -> bool:
    """Post as SendGrid does; tell whether it was taken."""
    said = TELLER.sign(json.dumps(events).encode() + b"\r\n")
    headers = {"Content-Type": "application/json", **said.headers}
    request = urllib.request.Request(gomail.url("events/sendgrid/"), said.body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as taken:
            return bool(taken.status == 200)
    except (OSError, HTTPException, urllib.error.URLError):
        return False  # it is repeated


def count(gomail: Installation) -> int:
    question = "from delivery.models import ProviderEvent as P; print(P.objects.count())"
    return int(gomail.manage("shell", "-v0", "-c", question))


@pytest.mark.slow
def test_what_got_a_2xx_is_kept_whoever_is_killed(gomail: Installation, sendgrid: fakes.FakeVendor) -> None:
    with gomail.serving():
        for number in range(MAILS):
            gomail.post(f"Mail {number}")
    attempts = [mail.attempt for mail in sendgrid.arrived()]
    at = [
        TELLER.event(attempts[number % MAILS], "open", timestamp=number + 1)
        for number in range(POSTS * IN_A_POST)
    ]
    left = [at[start : start + IN_A_POST] for start in range(0, len(at), IN_A_POST)]
    taken = 0
    for _ in range(KILLS):
        with ThreadPoolExecutor(4) as pool, gomail.serving():
            some = [pool.submit(told, gomail, post) for post in left[:10]]
            eventually(lambda some=some: sum(each.done() for each in some) >= 5)  # type: ignore[misc]
            # the server is killed here, while the others are on their way
        done = [each.result() for each in some]
        taken += sum(done)
        left = [post for post, was in zip(left[:10], done, strict=True) if not was] + left[10:]
    assert taken >= 5 * KILLS
    assert count(gomail) >= taken * IN_A_POST
    with gomail.serving():
        assert all(told(gomail, post) for post in left)
        assert told(gomail, at[:IN_A_POST])
    assert count(gomail) == POSTS * IN_A_POST


def test_a_mail_that_the_vendor_tells_of_is_not_sent_again_after_a_crash(
    gomail: Installation, sendgrid: fakes.FakeVendor
) -> None:
    gomail.environment["GOMAIL_HOLD_SECONDS"] = "0"
    sendgrid.default = hang()
    with ThreadPoolExecutor(1) as pool, gomail.serving():
        posting = pool.submit(gomail.post)
        eventually(lambda: len(sendgrid.mails) == 1)
        (mail,) = sendgrid.arrived()
        assert told(gomail, [TELLER.event(mail.attempt, "processed", "ann@example.org")])
    assert isinstance(posting.exception(), OSError | HTTPException)

    sendgrid.default = answer(202)
    with gomail.serving(), gomail.running("manage.py", "worker"):
        eventually(lambda: gomail.emails()[0]["status"] == "sent")
        (email,) = gomail.emails()
    assert (email["attempts"][0]["settled_by"], len(sendgrid.mails)) == ("event:accepted", 1)
    assert email["possible_duplicate"] is False


def test_a_full_post_of_sendgrid_is_taken_by_a_real_server(
    gomail: Installation, sendgrid: fakes.FakeVendor
) -> None:
    with gomail.serving():
        gomail.post()
        (mail,) = sendgrid.arrived()
        events = [
            TELLER.event(mail.attempt, "open", timestamp=n + 1, useragent="x" * 250) for n in range(1600)
        ]
        assert len(json.dumps(events)) > 768_000
        assert told(gomail, events)
        assert not told(gomail, events * 6)  # over the limit
    assert count(gomail) == 1600
