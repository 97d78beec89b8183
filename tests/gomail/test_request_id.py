"""Every answer has an X-Request-ID: the client's own if it is a safe token, else a new one."""

import re
from typing import Any

import pytest
from django.test import Client

from gomail import request_id

FRESH = re.compile("[0-9a-f]{32}")
UNSAFE = ["", " ", "a b", "a" * 65, "a,b", "a\r\nX: y", "é", "a/b", "${x}", "a\n"]


@pytest.mark.parametrize("said", ["a", "A-z_0.9", "a" * 64])
def test_a_safe_token_is_taken(said: str) -> None:
    assert request_id.of({request_id.IN_ENVIRON: said}) == said


@pytest.mark.parametrize("said", UNSAFE)
def test_another_is_replaced(said: str) -> None:
    assert FRESH.fullmatch(request_id.of({request_id.IN_ENVIRON: said}))


def test_each_is_another() -> None:
    assert len({request_id.of({}) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health/live", 200),
        ("/api/v1/email-service/emails/", 401),
        ("/api/v1/email-service/me/", 401),
        ("/api/nothing", 501),
        ("/nothing", 404),
        ("/admin/", 302),
        ("/static/delivery/icon.svg", 200),
    ],
)
def test_every_answer_has_one(db: None, path: str, status: int) -> None:
    answer = Client().get(path, headers={"X-Request-ID": "mine-1"})
    assert (answer.status_code, answer["X-Request-ID"]) == (status, "mine-1")
    answer.close()


def test_an_answer_to_a_request_that_breaks_the_server_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from api.health import Live

    def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Live, "get", breaks)
    answer = Client(raise_request_exception=False).get("/health/live", headers={"X-Request-ID": "mine-1"})
    assert (answer.status_code, answer["X-Request-ID"]) == (500, "mine-1")


def test_an_unknown_host_is_told_it_too(db: None) -> None:
    answer = Client().get("/health/live", headers={"Host": "evil.example", "X-Request-ID": "mine-1"})
    assert (answer.status_code, answer["X-Request-ID"]) == (400, "mine-1")
