"""Rate and day of an SES account, as GetAccount tells them."""

import pytest

from providers.base import Metered
from providers.readiness import Allowance
from providers.ses import adapter, quota
from tests.providers import fault_server as faults


@pytest.fixture
def ses(server):
    made = adapter.SES(
        adapter.Config(region="eu-west-1", endpoint_url=server.url, access_key_id="a", secret_access_key="b")
    )
    yield made
    made.close()


def account(**told):
    sending = {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 120.0, **told}
    return faults.answer(200, {"SendingEnabled": True, "SendQuota": sending})


def test_it_is_one_call_that_sends_nothing(server, ses):
    server.default = account()
    assert isinstance(ses, Metered)
    assert ses.allowance() == Allowance(per_second=14.0, day=50_000, used=120)
    assert [(request.method, request.path) for request in server.received] == [("GET", "/v2/email/account")]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"Max24HourSend": -1.0}, Allowance(per_second=14.0, day=None, used=120)),
        ({"MaxSendRate": 0}, Allowance(per_second=None, day=50_000, used=120)),
        ({"MaxSendRate": "14"}, Allowance(per_second=None, day=50_000, used=120)),
        ({"MaxSendRate": 0.5, "Max24HourSend": 200}, Allowance(per_second=0.5, day=200, used=120)),
        ({"SentLast24Hours": None}, None),
        ({"SentLast24Hours": -3}, None),
    ],
)
def test_what_is_no_count_limits_nothing(server, ses, told, found):
    server.default = account(**told)
    assert ses.allowance() == found


def test_an_account_that_may_not_be_asked_tells_nothing(server, ses):
    denied = {"x-amzn-ErrorType": "AccessDeniedException"}
    server.default = faults.answer(403, {"message": "not authorized"}, denied)
    assert ses.allowance() is None
    assert quota.allowance(None) is None
