"""A message of the log is one line, and holds nobody's address."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from delivery.counting import context
from gomail import logs
from gomail.logs import Busy, Json, OneLine
from gomail.server import record
from tests import fakes, read_lines

FORGED = "2026-11-28 10:00:00,000 INFO delivery The email was sent"


def fail(logger: logging.Logger, text: str) -> None:
    """Log an error that says this, with its traceback."""
    with pytest.raises(RuntimeError) as caught:
        _raise(text)
    logger.error("It failed", exc_info=caught.value)


def _raise(text: str) -> None:
    raise RuntimeError(text)


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    written, logger = io.StringIO(), logging.getLogger("tests.logs")
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, written
    logger.removeHandler(handler)


SEPARATORS = [
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\x00",
    "\x1b[2K",
    "\u202e",
    "\x7f",
    "\x08",
]


@pytest.mark.parametrize("separator", SEPARATORS, ids=range(len(SEPARATORS)))
def test_no_line_can_be_forged_in_a_message_or_in_an_error(
    logged: tuple[logging.Logger, io.StringIO], separator: str
) -> None:
    logger, written = logged
    logger.warning("%s while answering", f"/api/{separator}{FORGED}")
    fail(logger, f"bad{separator}{FORGED}")
    lines = written.getvalue().split("\n")
    assert len([line for line in lines if line and not line.startswith(" ")]) == 2
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "ann.canary@example.org", "<ann.canary@example.org>", "to=ann.canary@example.org,", '"ann.canary@example.org"',
        "(ann.canary@example.org)", "smtp;ann.canary@example.org", "ann.canary%40example.org", "ANN.CANARY@EXAMPLE.ORG",
        "x/ann.canary@example.org/", "ann.canary+tag@example.org", "ann.canary@xn--bcher-kva.example",
        "ann.canary@localhost", "ärger.canary@example.org", "mailto:ann.canary@example.org",
        "gm_live_abcdefgh_canary0123456789_crc",
    ],
)  # fmt: skip
def test_no_address_and_no_key_is_written(logged: tuple[logging.Logger, io.StringIO], text: str) -> None:
    logger, written = logged
    logger.error("SES said %s of it", text)
    fail(logger, text)
    assert "canary" not in written.getvalue().lower()


def test_a_row_that_a_database_quotes_is_not_written(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = logged
    logger.error("violates it\nDETAIL:  Failing row contains (1, a canary of a subject).")
    fail(logger, "null value\nDETAIL:  Failing row contains (1, a canary of a subject).\nHINT: none")
    assert "canary" not in written.getvalue()
    assert "null value" in written.getvalue()


@pytest.fixture
def in_json(logged: tuple[logging.Logger, io.StringIO]) -> tuple[logging.Logger, io.StringIO]:
    handler = logged[0].handlers[-1]
    handler.setFormatter(Json())
    handler.addFilter(Busy())
    return logged


@pytest.mark.parametrize("separator", ["\n", "\u2028", "\x1b[2K"])
def test_a_line_of_json_is_one_object_without_an_address(
    in_json: tuple[logging.Logger, io.StringIO], separator: str
) -> None:
    logger, written = in_json
    with context.about(request="r-1", email="e-1", team=None):
        fail(logger, f"ann.canary@example.org{separator}{FORGED}")
        facts = {"error.code": f"x ann.canary@example.org{separator}y", "duration_ms": 7}
        logger.info("SES said ann.canary@example.org%s", separator, extra={"facts": facts})
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert "RuntimeError" in first["error.stack_trace"]
    assert (first["http.request.id"], first["gomail.email_id"], first["log.level"]) == ("r-1", "e-1", "error")
    assert "gomail.team_id" not in first
    assert (second["duration_ms"], second["@timestamp"][-6:]) == (7, "+00:00")
    assert "canary" not in written.getvalue()
    assert second["error.code"].isprintable()


def test_a_form_that_is_not_known_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT is 'xml'; write text or json"):
        logs.configured("xml")


def test_a_request_and_its_attempt_are_a_line_each_with_the_same_ids(api: fakes.Api, providers: None) -> None:
    with read_lines.of_the_log() as lines:
        api.client.defaults["HTTP_X_REQUEST_ID"] = "my-request"
        answer = api.send(subject="canary", to_addresses="ann.canary@example.org")
        record.note(answer.wsgi_request.environ, "my-request", "200 OK", 0.012)
    attempt, request = [json.loads(line) for line in lines if line.startswith("{")]
    ids = ("http.request.id", "gomail.email_id", "gomail.team_id", "gomail.attempt_id", "gomail.provider")
    assert [attempt.get(name) for name in ids] == [request.get(name) for name in ids]
    assert attempt["gomail.email_id"] == answer.json()["id"]
    assert (attempt["event.action"], attempt["event.outcome"]) == ("attempt", "success")
    assert (request["event.action"], request["http.response.status_code"]) == ("request", 200)
    text = next(line for line in lines if line.startswith("gomail.server.record"))
    assert text.startswith(
        "gomail.server.record POST /api/v1/email-service/send-email/ 200 12 ms request=my-request"
    )
    assert "canary" not in "".join(lines)


def test_health_is_no_line_while_it_is_well() -> None:
    with read_lines.of_the_log() as lines:
        record.note({"PATH_INFO": "/health/ready", "REQUEST_METHOD": "GET"}, "r", "200 OK", 0.1)
        assert lines == []
        record.note({"PATH_INFO": "/health/ready", "REQUEST_METHOD": "GET"}, "r", "503 Unavailable", 0.1)
    assert len(lines) == 2


@pytest.mark.django_db
def test_an_id_ends_with_its_request() -> None:
    Client().get("/health/live")
    assert context.current() == {}
