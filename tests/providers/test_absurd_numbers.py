"""A vendor's number that is no count is no number: nothing is computed with it, and nothing breaks."""

import json
from typing import Any

import pytest

from providers.mailgun import readiness as mailgun
from providers.mandrill import readiness as mandrill
from providers.readiness import count
from providers.sendgrid import readiness as sendgrid
from providers.ses import readiness as ses
from providers.smtp.dialog import PhaseSMTP
from providers.wire.http import Answer

ABSURD: list[Any] = [
    *(10**400, -(10**400), 10**15, float("nan"), float("inf"), float("-inf"), 1e308, -1, -0.5),
    *("10", "10.5", "1e3", "", "NaN", True, False, None, [], [1], {}, {"a": 1}),
]
COUNTS: list[Any] = [0, 1, 0.0, 2.5, 50_000, 10**15 - 1]
IDS = [repr(value)[:12] for value in ABSURD]


@pytest.mark.parametrize("value", ABSURD, ids=IDS)
def test_it_is_unknown(value: Any) -> None:
    assert count(value) is None


@pytest.mark.parametrize("value", COUNTS)
def test_a_count_is_itself(value: Any) -> None:
    assert count(value) == value


@pytest.mark.parametrize("value", ABSURD, ids=IDS)
@pytest.mark.parametrize("place", [0, 1])
def test_no_quota_is_made_of_it(value: Any, place: int) -> None:
    limit, used = (value, 1) if place == 0 else (10, value)
    text = json.dumps({"limit": limit, "current": used, "period": "1m"})
    found = [
        ses.quota({"Max24HourSend": limit, "SentLast24Hours": used}),
        sendgrid.credit("sendgrid", {"total": limit, "used": used}).quota,
        mailgun.limit("mailgun", Answer(status=200, headers={}, body=text.encode())).quota,
        mandrill.account("mandrill", {"hourly_quota": value, "backlog": 1, "reputation": value}).quota,
    ]

    assert found == [None] * 4


@pytest.mark.parametrize("size", ["9" * 400, "9" * 5000, "-1", "1e9", "NaN", "", "²", "1 2"])
def test_an_absurd_size_of_a_mail_server_is_no_limit(size: str) -> None:
    dialog = PhaseSMTP.__new__(PhaseSMTP)
    dialog.esmtp_features = {"size": size}

    assert dialog.limit == 0
