"""A worker tells metrics on a port of its own, to the same readers, and the next one takes over."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from delivery.monitoring import listener, metrics
from delivery.workers import loop
from gomail import environment
from tests.servers import eventually, free_port, listening

TOKEN = "canary-token"


@pytest.fixture
def port(settings: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    found = free_port()
    settings.METRICS_SECRET, settings.GOMAIL_METRICS_LISTEN = TOKEN, f"127.0.0.1:{found}"
    monkeypatch.setattr(listener, "_STAND_BY", 0.05)
    monkeypatch.setattr(metrics, "read", lambda: b"gomail_build_info 1.0\n")
    return found


@contextmanager
def worker(port: int) -> Iterator[Callable[[], None]]:
    """Run the thread of a worker; give what ends it."""
    stop = threading.Event()
    thread = threading.Thread(target=loop.tell_metrics, args=(lambda: not stop.is_set(),))

    def end() -> None:
        stop.set()
        thread.join()

    thread.start()
    eventually(lambda: listening(port))
    try:
        yield end
    finally:
        end()


def asked(port: int, path: str = "/metrics", **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


def test_it_answers_whoever_shows_the_token_and_the_next_worker_takes_over(port: int) -> None:
    shown = {"Authorization": f"Bearer {TOKEN}"}
    with worker(port) as end, worker(port):
        assert asked(port, **shown) == (200, b"gomail_build_info 1.0\n")
        assert asked(port)[0] == asked(port, "/", **shown)[0] == 404
        end()
        eventually(lambda: listening(port))
        assert asked(port, **shown)[0] == 200


def test_without_an_address_a_worker_listens_nowhere(settings: Any) -> None:
    assert settings.GOMAIL_METRICS_LISTEN == ""
    loop.tell_metrics(lambda: True)  # would never return


@pytest.mark.parametrize("wrong", ["9464", "host:", "host:0", "host:x", "host:70000"])
def test_an_address_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("GOMAIL_METRICS_LISTEN", wrong)
    with pytest.raises(ImproperlyConfigured, match="write host:port"):
        environment.place("GOMAIL_METRICS_LISTEN")
