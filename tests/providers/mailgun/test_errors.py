from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from providers import errors
from providers.mailgun import adapter
from providers.wire import http
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

KEY = "key-secret"
QUICK = http.Timeouts(connect=0.5, read=0.6, total=2.0)


@pytest.fixture
def provider(server):
    config = adapter.Config(api_key=KEY, domain="mail.example.org", base_url=server.url, timeouts=QUICK)
    provider = adapter.Mailgun(config)
    yield provider
    provider.close()


def failure(server, provider, fault):
    server.script(fault)
    with pytest.raises(errors.ProviderError) as caught:
        provider.send(letter(), ATTEMPT)
    return caught.value


SANDBOX = "Sandbox subdomains are for test purposes only. Please add your own domain or add the address"
NOT_ACTIVE = "Domain mail.example.org is not allowed to send: "
TABLE = [
    (400, "'to' parameter is not a valid address. please check documentation", errors.RecipientsRefused),
    (400, "cc parameter is not a valid address", errors.RecipientsRefused),
    (400, "'bcc' parameter is not a valid address", errors.RecipientsRefused),
    (400, "'from' parameter is not a valid address", errors.CannotCarry),
    (400, "to parameter is missing", errors.CannotCarry),
    (400, "message parameter is missing", errors.CannotCarry),
    (400, "'message' parameter is not a file", errors.CannotCarry),
    (400, "Invalid date in o:deliverytime", errors.CannotCarry),
    (400, "Header name must be pure ASCII: ü", errors.CannotCarry),
    (400, "'recipient-variables' parameter is not a valid JSON", errors.CannotCarry),
    (400, "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total", errors.CannotCarry),
    (400, "Too many recipients; max is 1000", errors.CannotCarry),
    (400, NOT_ACTIVE + "Free accounts are for test purposes only.", errors.AccountProblem),
    (400, NOT_ACTIVE + SANDBOX, errors.AccountProblem),
    (400, NOT_ACTIVE + "Please activate your Mailgun account.", errors.AccountProblem),
    (400, NOT_ACTIVE + "The domain is unverified and requires DNS configuration.", errors.DomainRefused),
    (401, "Invalid private key", errors.AccountProblem),
    (402, "Request Failed", errors.AccountProblem),
    (403, "You are not allowed to send large batches yet", errors.AccountProblem),
    (403, "IP 10.0.0.1 can't be used", errors.AccountProblem),
    (404, "Domain not found: mail.example.org", errors.DomainRefused),
    (404, "no such page", errors.AccountProblem),
    (405, "Method not allowed", errors.AccountProblem),
    (408, "Timeout", errors.Unknown),
    (413, "Request Entity Too Large", errors.CannotCarry),
    (420, "Domain mail.example.org recipient limit exceeded, try again after 30 seconds", errors.Throttled),
    (429, "Domain mail.example.org request limit exceeded, try again after 30 seconds", errors.Throttled),
    (429, "Domain mail.example.org bytes limit exceeded, try again after 30 seconds", errors.Throttled),
    (500, "Internal Server Error", errors.Unknown),
    (502, "Bad Gateway", errors.Unknown),
    (503, "Service Unavailable", errors.Unknown),
    (504, "Gateway Timeout", errors.Unknown),
    (200, "Queued. Thank you.", errors.Unknown),  # and no id
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_its_own_answer_is_told_by_status_and_text(server, provider, row):
    status, text, kind = row
    error = failure(server, provider, faults.answer(status, {"message": text}))
    assert type(error) is kind
    assert error.code == str(status)
    assert text in error.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Unknown), (204, errors.Unknown), (302, errors.AccountProblem),
     (400, errors.AccountProblem), (401, errors.AccountProblem), (404, errors.AccountProblem),
     (408, errors.Unknown), (413, errors.CannotCarry), (429, errors.Throttled), (500, errors.Unknown),
     (502, errors.Unknown), (503, errors.Unknown), (504, errors.Unknown)],
)  # fmt: skip
@pytest.mark.parametrize("body", ["", "Forbidden"])
def test_an_answer_without_json_is_told_by_its_status(server, provider, status, kind, body):
    assert type(failure(server, provider, faults.answer(status, body))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Unknown), (403, errors.AccountProblem), (413, errors.AccountProblem),
     (429, errors.AccountProblem), (500, errors.Unknown), (503, errors.Unknown)],
)  # fmt: skip
def test_a_proxy_s_answer_is_told_by_its_status(server, provider, status, kind):
    assert type(failure(server, provider, faults.html(status))) is kind


@pytest.mark.parametrize("body", ["[1]", '{"id": 3}', '{"id": null}', '{"id": ""}', "[" * 9999, "null"])
def test_success_without_an_id_is_unknown(server, provider, body):
    assert type(failure(server, provider, faults.answer(200, body))) is errors.Unknown


def test_the_greeting_of_the_interface_is_a_wrong_address(server, provider):
    error = failure(server, provider, faults.answer(200, '"Mailgun Magnificent API"'))
    assert type(error) is errors.AccountProblem


def limited(words, headers=None):
    return faults.answer(429, {"message": f"request limit exceeded, {words}"}, headers or {})


@pytest.mark.parametrize(
    ("words", "pause"),
    [("try again after 30 seconds", 30), ("try again after 12.5s", 12.5), ("try again after 9999999 s", 3600),
     ("try again after a while", None), ("try again", None),
     ("try again after Fri, 02 Jan 2015 03:04:05 GMT", 1)],
)  # fmt: skip
def test_it_waits_as_long_as_mailgun_says(server, provider, words, pause):
    assert failure(server, provider, limited(words)).retry_after == pause


@pytest.mark.parametrize("usegmt", [True, False])
def test_it_waits_until_the_date_that_mailgun_says(server, provider, usegmt):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=usegmt)
    assert 27 <= failure(server, provider, limited(f"try again after {until}")).retry_after <= 30


def test_the_header_is_heeded_as_well(server, provider):
    assert failure(server, provider, limited("slow down", {"Retry-After": "7"})).retry_after == 7


def test_no_key_is_quoted(server, provider):
    echo = f"{KEY} and {provider._config.credentials} are wrong"
    error = failure(server, provider, faults.answer(401, {"message": echo}))
    assert error.detail == "mailgun answered 401: [hidden] and [hidden] are wrong"
