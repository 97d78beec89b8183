"""Retry-After and its relatives, by one parser for all vendors."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from providers.errors import LONGEST_NAMED, Throttled
from providers.wire import waiting
from tests.providers import fault_server as faults
from tests.providers.adapters import ANYMAIL, OVER_HTTP
from tests.providers.far_ends import PATIENT
from tests.providers.letters import ATTEMPT, letter


def dates(seconds: float) -> list[str]:
    """Return a moment in the three forms of RFC 9110, and as people write it."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return [
        format_datetime(moment, usegmt=True),
        moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
        moment.strftime("%a %b %e %H:%M:%S %Y"),
        format_datetime(moment),
        format_datetime(moment.astimezone(tz=None)),
    ]


@pytest.mark.parametrize(("text", "seconds"), [
    ("120", 120), ("1", 1), ("0", 1), ("1.5", 1.5), (" 30 ", 30), ("007", 7), ("3600", 3600), ("86400", 3600),
    ("999999999", 3600),
])  # fmt: skip
def test_seconds_are_read_and_bounded(text, seconds):
    assert waiting.seconds(text) == seconds


@pytest.mark.parametrize("form", range(5))
def test_a_date_is_read_in_every_form(form):
    assert 117 <= waiting.seconds(dates(120)[form]) <= 120


@pytest.mark.parametrize("form", range(5))
@pytest.mark.parametrize(("ahead", "bounded"), [(-1e6, 1.0), (-5, 1.0), (1e6, LONGEST_NAMED)])
def test_a_date_is_bounded(form, ahead, bounded):
    assert waiting.seconds(dates(ahead)[form]) == bounded


ABSURD = [
    "", " ", "-1", "-0", "+5", "1e3", "1" + "0" * 400, "9" * 5000, "0x10", "inf", "nan", "NaN", "Infinity", "soon",
    "1,5", "1 2", "٣٠", "30s", "1.", ".5", "1.5.2", "Fri, 99 Feb 2026 99:99:99 GMT", "Sun, 06 Nov 99999 08:49:37 GMT",
    "Sun, 06 Nov 2094 08:49:37 +99999999", "Mon", "Mon, 1", "x" * 100_000, "Sun, 06 Nov 1994", "\x00", "Sun, " * 20,
]  # fmt: skip


@pytest.mark.parametrize("text", ABSURD, ids=range(len(ABSURD)))
def test_what_makes_no_sense_is_ignored(text):
    assert waiting.seconds(text) is None
    assert waiting.until(text) is None


@pytest.mark.parametrize(("ahead", "least", "most"), [(30, 28, 30), (-30, 1, 1), (1e6, 3600, 3600)])
def test_a_moment_in_seconds_since_1970_is_read(ahead, least, most):
    named = str(int(datetime.now(UTC).timestamp() + ahead))
    assert least <= waiting.until(named) <= most


BUSY = {
    "ses": ({"message": "Maximum sending rate exceeded."}, {"x-amzn-ErrorType": "TooManyRequestsException"}),
    "sendgrid": ({"errors": [{"message": "too many requests", "field": None}]}, {}),
    "mailgun": ({"message": "Too many requests"}, {}),
    "mandrill": ({"status": "error", "name": "TooManyRequests", "message": "slow down"}, {}),
    "postmark": ({"ErrorCode": 429, "Message": "Rate limit exceeded"}, {}),
}


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("form", ["seconds", "date", "absurd"])
def test_every_vendor_s_wish_is_heard_alike(server, name, form):
    body, headers = BUSY[name]
    named = {"seconds": "120", "date": dates(120)[0], "absurd": "1" + "0" * 400}[form]
    server.script(faults.answer(429, body, {**headers, "Retry-After": named}))
    built = (OVER_HTTP | ANYMAIL)[name].build(server.url, PATIENT)
    with pytest.raises(Throttled) as failure, closing(built) as provider:
        provider.send(letter(), ATTEMPT)
    waited = failure.value.retry_after
    assert waited is None if form == "absurd" else 117 <= waited <= 120


def test_whoever_grants_more_than_an_hour_says_so() -> None:
    assert waiting.seconds("999999", longest=86_400.0) == 86_400.0
