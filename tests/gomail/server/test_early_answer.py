"""A client waits for 25 seconds at most; then it is told how far its email has come, and the work goes on."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connections as databases
from django.test import RequestFactory
from gunicorn.config import Config

from api.early_answer import PLACE, Answer
from delivery.models import Email
from delivery.sending import rounds
from gomail.server import worker
from gomail.server.threads import ThreadPool
from tests import fakes
from tests.providers.fault_server import answer

pytestmark = pytest.mark.django_db(transaction=True)


class Server(worker.Worker):
    """A process of the server without its sockets."""

    def __init__(self, application: Any) -> None:
        self._work = ThreadPool(1)
        self._application = application
        self.cfg = Config()

    def ask(self, path: str, **fields: Any) -> Answer:
        request = RequestFactory().post(path, fields, content_type="application/json")
        return self._answer_in_time(self._application, request.META)

    def finish(self) -> None:
        """Wait for the work that goes on."""
        self._work.submit(databases.close_all).result()


@pytest.fixture
def server(monkeypatch: Any, settings: Any, providers: None) -> Iterator[Server]:
    """A server whose patience is half a second, and that asks for no key."""
    from gomail.wsgi import application

    settings.API_KEY_REQUIRED = False
    monkeypatch.setattr(worker, "SYNC_SECONDS", 0.5)
    server = Server(application)
    yield server
    with suppress(RuntimeError):  # it has stopped already
        server.finish()
    server._work.shutdown()


def slow() -> Any:
    return answer(200, {"MessageId": "late"}, wait=2.0)


def test_the_server_waits_as_long_as_a_round_may_begin_attempts() -> None:
    assert worker.SYNC_SECONDS == rounds.BUDGET


@pytest.mark.parametrize("path", [f"{fakes.V1}send-email/", f"{fakes.V1}send-mail/"])
def test_a_slow_provider_is_not_waited_for_and_its_answer_counts(
    server: Server, ses: fakes.FakeVendor, path: str
) -> None:
    ses.default = slow()
    told = server.ask(path, to_addresses="ann@example.org")
    email = Email.objects.get()
    body = json.loads(told.body[0])

    assert (told.status, body["status"], body["id"]) == ("202 Accepted", "sending", str(email.pk))
    assert dict(told.headers)["Location"].endswith(f"/emails/{email.pk}/")
    server.finish()
    email.refresh_from_db()
    assert (email.status, email.attempts.get().provider_message_id) == ("sent", "late")


def test_the_short_form_keeps_its_shape(server: Server, ses: fakes.FakeVendor) -> None:
    ses.default = slow()
    names = ("to", "to_name", "from", "from_name", "subject", "body")
    letter = dict.fromkeys(names, "Ann") | {"to": "ann@example.org", "from": "me@example.org"}
    told = server.ask("/email", **letter)

    assert (told.status, json.loads(told.body[0])) == (
        "202 Accepted",
        {"message": "The email is being handed over"},
    )


def test_a_quick_answer_is_the_final_one(server: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker, "SYNC_SECONDS", 25.0)
    told = server.ask(f"{fakes.V1}send-email/", to_addresses="ann@example.org")
    assert (told.status, json.loads(told.body[0])["status"]) == ("200 OK", "sent")


def test_a_process_that_stops_sees_to_the_end_of_what_goes_on(
    server: Server, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    beats: list[float] = []
    monkeypatch.setattr(server, "notify", lambda: beats.append(time.monotonic()))
    ses.default = slow()
    server.ask(f"{fakes.V1}send-email/", to_addresses="ann@example.org")
    server._work.submit(databases.close_all)
    server._finish()

    assert Email.objects.get().status == "sent"
    assert beats


def test_what_left_nothing_to_be_said_is_waited_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(worker, "SYNC_SECONDS", 0.05)

    def application(environ: Any, start_response: Any) -> list[bytes]:
        assert environ[PLACE] == []
        time.sleep(0.2)
        start_response("200 OK", [])
        return [b"done"]

    assert Server(application)._answer_in_time(application, {}).body == [b"done"]
