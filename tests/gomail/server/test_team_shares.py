"""One team whose provider is slow does not take the threads of the others; over its share, its sends become 202."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections as databases
from django.test import RequestFactory
from gunicorn.config import Config

from api.early_answer import Answer
from delivery.access import keys
from delivery.models import Email
from gomail.server import worker
from gomail.server.threads import ThreadPool
from tests import fakes
from tests.providers.fault_server import answer
from tests.servers import eventually

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 4  # of which one team may have three


class Server(worker.Worker):
    """A process of the server without its sockets."""

    def __init__(self, application: Any) -> None:
        self._work = ThreadPool(THREADS)
        self._application = application
        self.cfg = Config()

    def send(self, token: str) -> Answer:
        request = RequestFactory().post(
            f"{fakes.V1}send-email/",
            {"to_addresses": "ann@example.org"},
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        return self._answer_in_time(self._application, request.META, self._application.whose)


@pytest.fixture
def server(providers: None) -> Iterator[Server]:
    """A server with few threads."""
    from gomail.wsgi import application

    server = Server(application)
    yield server
    for one in [server._work.submit(databases.close_all) for _ in range(THREADS)]:
        one.result()
    server._work.shutdown()


def test_over_its_share_a_teams_send_is_taken_for_a_worker_and_other_teams_are_sent(
    server: Server, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(worker, "SHARE_SECONDS", 0.1)
    greedy, small = (keys.issue(name, scopes=["send"])[1] for name in ("greedy", "small"))
    ses.script(*[answer(200, {"MessageId": "late"}, wait=3.0)] * 3)
    with ThreadPoolExecutor(3) as clients:
        waiting = [clients.submit(server.send, greedy) for _ in range(3)]
        eventually(lambda: len(ses.mails) == 3)

        told = server.send(greedy)
        assert (told.status, json.loads(told.body[0])["status"]) == ("202 Accepted", "queued")
        assert dict(told.headers)["Preference-Applied"] == "respond-async"
        assert Email.objects.get(pk=json.loads(told.body[0])["id"]).due_at
        assert server.send(small).status == "200 OK"
        assert not any(one.done() for one in waiting)
        assert [one.result().status for one in waiting] == ["200 OK"] * 3
