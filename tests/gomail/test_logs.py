"""A message of the log is one line, and holds nobody's address."""

import io
import logging
from collections.abc import Iterator

import pytest

from gomail.logs import OneLine

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
