import pytest

from providers import errors
from providers.mandrill import adapter
from providers.wire import http
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

KEY = "md-secret"
QUICK = http.Timeouts(connect=0.5, read=0.6, total=2.0)


@pytest.fixture
def provider(server):
    provider = adapter.Mandrill(adapter.Config(api_key=KEY, base_url=server.url, timeouts=QUICK))
    yield provider
    provider.close()


def failure(server, provider, fault):
    server.script(fault)
    with pytest.raises(errors.ProviderError) as caught:
        provider.send(letter(), ATTEMPT)
    return caught.value


def said(name, text, code=-1):
    return {"status": "error", "code": code, "name": name, "message": text}


TABLE = [
    ("Invalid_Key", 401, "Invalid API key", errors.AccountProblem),
    ("PaymentRequired", 402, "This feature is only available for accounts with a positive balance.",
     errors.AccountProblem),
    ("PoorReputation", 400, "That account's reputation is too low.", errors.AccountProblem),
    ("Unknown_Subaccount", 404, "No subaccount exists with the id 'x'", errors.AccountProblem),
    ("Unknown_Template", 404, 'No such template "x"', errors.AccountProblem),
    ("Unknown_Pool", 404, "An IP Pool with the name x does not exist.", errors.AccountProblem),
    ("ValidationError", 400, "You must specify a raw_message value", errors.CannotCarry),
    ("ValidationError", 400, "You must specify a key value", errors.AccountProblem),
    ("ServiceUnavailable", 503, "Service Temporarily Unavailable", errors.Unavailable),
    ("GeneralError", 500, "An unknown error occurred processing your request.", errors.Unknown),
    ("GeneralError", 400, "An unknown error occurred processing your request.", errors.Unknown),
    ("TooManyRequests", 429, "Slow down", errors.Throttled),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=str)
@pytest.mark.parametrize("as_version_1_0", [True, False])
def test_an_error_is_told_by_its_name_whatever_the_status(server, provider, row, as_version_1_0):
    name, status, text, kind = row
    error = failure(server, provider, faults.answer(500 if as_version_1_0 else status, said(name, text)))
    assert type(error) is kind
    assert error.code == name
    assert text in error.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Unknown), (400, errors.AccountProblem), (404, errors.AccountProblem),
     (408, errors.Unknown), (500, errors.Unknown), (502, errors.Unknown), (504, errors.Unknown)],
)  # fmt: skip
def test_a_new_name_is_told_by_its_status(server, provider, status, kind):
    assert type(failure(server, provider, faults.answer(status, said("Something_New", "?")))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Unknown), (302, errors.AccountProblem), (403, errors.AccountProblem),
     (413, errors.AccountProblem), (500, errors.Unknown), (502, errors.Unknown), (503, errors.Unknown),
     (504, errors.Unknown)],
)  # fmt: skip
@pytest.mark.parametrize(
    "body", ["", "<html>proxy</html>", "[1]", "{}", '{"name": 3}', "null", "[" * 9999, '[{"status": 1}]']
)
def test_somebody_else_s_answer_is_told_by_its_status(server, provider, status, kind, body):
    assert type(failure(server, provider, faults.answer(status, body))) is kind


def one(status, reason=None):
    return {"email": "ann@example.com", "status": status, "reject_reason": reason, "_id": "1"}


RESULTS = [
    *(("rejected", reason, errors.RecipientsRefused)
      for reason in ("hard-bounce", "soft-bounce", "spam", "unsub", "custom", "invalid")),
    ("invalid", None, errors.RecipientsRefused),
    ("rejected", "unsigned", errors.DomainRefused),
    ("rejected", "invalid-sender", errors.SenderRefused),
    ("rejected", "rule", errors.AccountProblem),
    ("rejected", "test-mode-limit", errors.AccountProblem),
    ("bounced?", None, errors.Unknown),
]  # fmt: skip


@pytest.mark.parametrize(("status", "reason", "kind"), RESULTS)
def test_a_refused_recipient_is_told_by_the_reason(server, provider, status, reason, kind):
    error = failure(server, provider, faults.answer(200, [one(status, reason)]))
    assert (type(error), error.code) == (kind, reason or status)
    assert "ann@example.com" in error.detail


@pytest.mark.parametrize("status", ["sent", "queued", "scheduled"])
def test_these_are_promises(server, provider, status):
    server.script(faults.answer(200, [one(status)]))
    assert provider.send(letter(), ATTEMPT).message_id == "1"


def test_a_sender_s_trouble_outweighs_a_bad_address(server, provider):
    answer = [one("rejected", "hard-bounce"), one("rejected", "unsigned")]
    assert type(failure(server, provider, faults.answer(200, answer))) is errors.DomainRefused


def test_no_key_is_quoted(server, provider):
    error = failure(server, provider, faults.answer(500, said("Invalid_Key", f"{KEY} is wrong")))
    assert error.detail == "mandrill answered 500 Invalid_Key: [hidden] is wrong"
