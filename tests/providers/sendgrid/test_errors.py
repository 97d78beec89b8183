import time

import pytest

from providers import errors
from providers.sendgrid import adapter
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.patience import HASTY, QUICK, patience

KEY = "SG.key.secret"


@pytest.fixture
def providers(server):
    given = {"api_key": KEY, "base_url": server.url}
    providers = {
        timeouts: adapter.SendGrid(adapter.Config(**given, timeouts=timeouts)) for timeouts in (QUICK, HASTY)
    }
    yield providers
    for provider in providers.values():
        provider.close()


def failure(server, providers, fault, message=None):
    server.script(fault)
    with pytest.raises(errors.ProviderError) as caught:
        providers[patience(fault)].send(message or letter(), ATTEMPT)
    return caught.value


def said(text, field=None):
    return {"errors": [{"message": text, "field": field, "help": None}]}


IDENTITY = "The from address does not match a verified Sender Identity."
TABLE = [
    (400, "Bad Request", None, errors.CannotCarry),
    (400, "The subject is required.", "subject", errors.CannotCarry),
    (400, "Does not contain a valid address.", "personalizations.0.to.0.email", errors.RecipientsRefused),
    (400, "Does not contain a valid address.", "personalizations.0.bcc.1.email", errors.RecipientsRefused),
    (400, "Does not contain a valid address.", "from.email", errors.CannotCarry),
    (401, "The provided authorization grant is invalid, expired, or revoked", None, errors.AccountProblem),
    (401, "Maximum credits exceeded", None, errors.AccountProblem),
    (401, "authorization required", None, errors.AccountProblem),
    (403, "access forbidden", None, errors.AccountProblem),
    (403, IDENTITY, "from", errors.SenderRefused),
    (403, IDENTITY, None, errors.SenderRefused),
    (404, "not found", None, errors.AccountProblem),
    (405, "method not allowed", None, errors.AccountProblem),
    (413, "payload too large", None, errors.CannotCarry),
    (415, "unsupported media type", None, errors.AccountProblem),
    (429, "too many requests", None, errors.Throttled),
    (500, "internal", None, errors.Unavailable),
    (503, "unavailable", None, errors.Unavailable),
    (502, "bad gateway", None, errors.Unknown),
    (504, "gateway timeout", None, errors.Unknown),
    (408, "timeout", None, errors.Unknown),
]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_its_own_answer_is_told_by_status_field_and_text(server, providers, row):
    status, text, field, kind = row
    error = failure(server, providers, faults.answer(status, said(text, field)))
    assert type(error) is kind
    assert error.code == str(status)
    assert text in error.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.AccountProblem), (201, errors.Unknown), (204, errors.Unknown), (302, errors.AccountProblem),
     (400, errors.AccountProblem), (404, errors.AccountProblem), (408, errors.Unknown), (413, errors.CannotCarry),
     (429, errors.Throttled), (500, errors.Unknown), (502, errors.Unknown), (503, errors.Unavailable),
     (504, errors.Unknown)],
)  # fmt: skip
def test_an_empty_answer_is_told_by_its_status(server, providers, status, kind):
    assert type(failure(server, providers, faults.answer(status))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, errors.AccountProblem), (403, errors.AccountProblem), (413, errors.AccountProblem),
     (500, errors.Unknown), (502, errors.Unknown), (503, errors.Unknown)],
)  # fmt: skip
@pytest.mark.parametrize(
    "body", ["<html>proxy</html>", "[1]", '{"errors": 3}', '{"errors": null}', "[" * 9999]
)
def test_somebody_else_s_answer_is_told_by_its_status(server, providers, status, kind, body):
    assert type(failure(server, providers, faults.answer(status, body))) is kind


@pytest.mark.parametrize(
    "fault",
    [faults.hang(), faults.reset(), faults.close(), faults.garbage(), faults.truncated(202), faults.drip()],
)
@pytest.mark.parametrize("size", [0, 6_000_000])
def test_a_request_received_whole_without_an_answer_is_unknown_and_sent_once(server, providers, fault, size):
    error = failure(server, providers, fault, letter(attachments=(file(noise(size)),)))
    assert (type(error), len(server.received)) == (errors.Unknown, 1)


@pytest.mark.parametrize("read", ["nothing", "head", "half"])
@pytest.mark.parametrize("fault", [faults.hang, faults.reset, faults.close])
def test_a_request_cut_off_is_not_sent(server, providers, fault, read):
    error = failure(server, providers, fault(read), letter(attachments=(file(noise(6_000_000)),)))
    assert (type(error), server.received) == (errors.Unavailable, [])


def test_it_waits_until_the_limit_is_lifted(server, providers):
    reset = {"X-RateLimit-Reset": str(int(time.time()) + 30)}
    error = failure(server, providers, faults.answer(429, said("too many requests"), reset))
    assert 27 <= error.retry_after <= 30


@pytest.mark.parametrize(
    ("value", "pause"), [("0", 1.0), ("99999999999", 3600.0), ("soon", None), ("", None)]
)
def test_an_odd_limit_is_no_endless_wait(server, providers, value, pause):
    error = failure(server, providers, faults.answer(429, said("x"), {"X-RateLimit-Reset": value}))
    assert error.retry_after == pause


def test_no_key_is_quoted(server, providers):
    error = failure(server, providers, faults.answer(401, said(f"{KEY} is wrong")))
    assert error.detail == "sendgrid answered 401: [hidden] is wrong (-)"


def test_a_refused_connection_is_unavailable():
    url = f"http://127.0.0.1:{faults.closed_port()}"
    with pytest.raises(errors.Unavailable):
        adapter.SendGrid(adapter.Config(api_key=KEY, base_url=url)).send(letter(), ATTEMPT)
