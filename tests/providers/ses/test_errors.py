from dataclasses import replace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from providers import errors
from providers.message import Mailbox
from providers.ses import adapter
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.patience import HASTY, QUICK, patience

SECRET = "wJalrXUtnFEMI"


@pytest.fixture(scope="module")
def shared():
    """One server and its clients for all lines of the table: a client takes 0.2 s."""
    with faults.FaultServer() as server:
        given = {"region": "eu-west-1", "access_key_id": "AKID", "secret_access_key": SECRET,
                 "endpoint_url": server.url}  # fmt: skip
        providers = {
            timeouts: adapter.SES(adapter.Config(**given, timeouts=timeouts)) for timeouts in (QUICK, HASTY)
        }
        yield server, providers
        for provider in providers.values():
            provider.close()


@pytest.fixture(scope="module")
def boto3_client(shared):
    return boto3.session.Session().client(
        "sesv2", region_name="eu-west-1", endpoint_url=shared[0].url, aws_access_key_id="AKID",
        aws_secret_access_key=SECRET, config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )  # fmt: skip


def failure(shared, fault, message=None):
    server, providers = shared
    server.received.clear()
    server.script(fault)
    with pytest.raises(errors.ProviderError) as caught:
        providers[patience(fault)].send(message or letter(), ATTEMPT)
    return caught.value


def aws(code, text, status=400):
    return faults.answer(status, {"message": text}, {"x-amzn-ErrorType": code})


UNVERIFIED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "
TABLE = [
    (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
        errors.AccountProblem,
    ),
    ("UnrecognizedClientException", 403, "The security token is invalid.", errors.AccountProblem),
    (
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match.",
        errors.AccountProblem,
    ),
    ("ExpiredToken", 403, "The security token is expired", errors.AccountProblem),
    ("ExpiredTokenException", 403, "The security token is expired", errors.AccountProblem),
    ("IncompleteSignature", 403, "incomplete", errors.AccountProblem),
    ("MissingAuthenticationToken", 403, "Missing Authentication Token", errors.AccountProblem),
    ("OptInRequired", 403, "The account needs a subscription", errors.AccountProblem),
    ("AccessDeniedException", 403, "User is not authorized to perform ses:SendEmail", errors.AccountProblem),
    (
        "AccessDeniedException",
        403,
        "not authorized on arn:aws:ses:x:1:identity/example.org",
        errors.SenderRefused,
    ),
    ("RequestExpired", 403, "Request has expired", errors.AccountProblem),
    ("TooManyRequestsException", 429, "Maximum sending rate exceeded.", errors.Throttled),
    ("TooManyRequestsException", 429, "Daily message quota exceeded.", errors.AccountProblem),
    ("LimitExceededException", 400, "Limit", errors.AccountProblem),
    ("Throttling", 400, "Rate exceeded", errors.Throttled),
    ("Throttling", 400, "Daily message quota exceeded.", errors.AccountProblem),
    ("ThrottlingException", 400, "Rate exceeded", errors.Throttled),
    ("RequestThrottled", 400, "slow down", errors.Throttled),
    ("AccountSuspendedException", 400, "permanently restricted", errors.AccountProblem),
    ("SendingPausedException", 400, "Sending is paused for configuration set X", errors.AccountProblem),
    ("MailFromDomainNotVerifiedException", 400, "MAIL FROM domain is not verified", errors.DomainRefused),
    ("MessageRejected", 400, UNVERIFIED + "shop@example.org", errors.SenderRefused),
    ("MessageRejected", 400, UNVERIFIED + "shop@example.org, ann@example.com", errors.SenderRefused),
    ("MessageRejected", 400, UNVERIFIED + "example.org", errors.DomainRefused),
    ("MessageRejected", 400, UNVERIFIED + "ann@example.com", errors.AccountProblem),
    ("MessageRejected", 400, "Transaction failed: Invalid domain name", errors.Refused),
    ("NotFoundException", 404, "Configuration set <x> does not exist.", errors.AccountProblem),
    ("BadRequestException", 400, "Configuration set x does not exist", errors.AccountProblem),
    ("BadRequestException", 400, "The ARN is invalid", errors.AccountProblem),
    ("BadRequestException", 400, "Unknown tenant", errors.AccountProblem),
    ("BadRequestException", 400, "Invalid email address .", errors.CannotCarry),
    ("BadRequestException", 400, "Missing final '@domain'", errors.CannotCarry),
    ("BadRequestException", 400, "Domain contains dot-dot: <ann@example.com>", errors.RecipientsRefused),
    ("BadRequestException", 400, "Attachment file name contains an illegal character", errors.CannotCarry),
    ("BadRequestException", 400, "Header section too long", errors.CannotCarry),
    ("BadRequestException", 400, "Duplicate header 'Date'", errors.CannotCarry),
    ("BadRequestException", 400, "1 validation error detected", errors.CannotCarry),
    ("InternalServerErrorException", 500, "internal", errors.Unavailable),
    ("SomethingNew", 500, "internal", errors.Unavailable),
    ("ServiceUnavailable", 503, "busy", errors.Unavailable),
    ("SomethingNew", 400, "what is this", errors.CannotCarry),
    ("SomethingNew", 403, "what is this", errors.AccountProblem),
    ("SomethingNew", 502, "what is this", errors.Unknown),
]


@pytest.mark.parametrize(
    ("code", "status", "text", "kind"), TABLE, ids=[f"{row[0]}-{row[2][:30]}" for row in TABLE]
)
def test_an_answer_with_a_code_is_told_by_it(shared, code, status, text, kind):
    error = failure(shared, aws(code, text, status))
    assert type(error) is kind
    assert error.code == code
    assert text in error.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [(413, errors.CannotCarry), (429, errors.Throttled), (403, errors.AccountProblem), (408, errors.Unknown),
     (500, errors.Unknown), (502, errors.Unknown), (503, errors.Unavailable), (504, errors.Unknown)],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", {}])
def test_an_answer_without_a_code_is_told_by_its_status(shared, status, kind, body):
    assert type(failure(shared, faults.answer(status, body))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Unknown), (302, errors.AccountProblem), (404, errors.AccountProblem),
     (413, errors.AccountProblem), (502, errors.Unknown), (503, errors.Unknown)],
)  # fmt: skip
@pytest.mark.parametrize(
    "body",
    [
        "<html>proxy</html>",
        "[1]",
        '"x"',
        "[" * 9999,
        '{"message": 5}',
        '{"code": []}',
        '{"Code": 5}',
        b"\xff",
    ],
)
def test_somebody_else_s_answer_is_told_by_its_status(shared, status, kind, body):
    assert type(failure(shared, faults.answer(status, body))) is kind


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"MessageId": ""}', b'{"MessageId": null}', b'{"MessageId": 5}']
)
def test_success_without_a_message_id_is_unknown(shared, body):
    assert type(failure(shared, faults.answer(200, body))) is errors.Unknown


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_another_success_than_that_of_ses_is_unknown(shared, status):
    body = b"" if status == 204 else b'{"MessageId": "m-1"}'
    assert type(failure(shared, faults.answer(status, body))) is errors.Unknown


def test_a_name_in_a_header_alone_does_not_promise_that_nothing_was_taken(shared):
    fault = faults.answer(500, b"", {"x-amzn-ErrorType": "InternalFailure"})
    assert type(failure(shared, fault)) is errors.Unknown


TYPE, QUERY = "x-amzn-ErrorType", "http://internal.amazon.com/coral/com.amazonaws.services.ses/"
ANSWERS = [
    *((status, {TYPE: code}, {"message": text}) for code, status, text, _ in TABLE),
    (400, {TYPE: f"BadRequestException:{QUERY}"}, {"message": "Invalid email address ."}),
    (400, {TYPE.lower(): "com.amazonaws.sesv2#MessageRejected"}, {"message": "no"}),
    (400, {TYPE: "com.amazonaws.sesv2#MessageRejected:x#y"}, {"message": "no"}),
    (403, {TYPE: "AccessDeniedException"}, {"Message": "User is not authorized"}),
    (403, {TYPE: "InvalidSignatureException"}, {"message": "small", "Message": "large"}),
    (403, {TYPE: "UnrecognizedClientException"}, b""),
    (400, {TYPE: "BadRequestException"}, {"code": "Other", "__type": "Other"}),
    (400, {}, {"code": "Throttling", "message": "Rate exceeded", "__type": "Other"}),
    (400, {}, {"Code": "aws#Throttling", "Message": "Rate exceeded"}),
    (400, {}, {"__type": "com.amazon.coral.service#SerializationException", "message": "Grüße"}),
    (400, {}, {"__type": "ThrottlingException:extra"}),
    (500, {TYPE: "InternalFailure"}, {}),
    (503, {TYPE: "ServiceUnavailable"}, {"message": "busy"}),
    (500, {TYPE: ""}, {"code": "Throttling"}),
    (429, {}, {"code": "", "__type": "ExpiredToken"}),
    (404, {}, {}),
    (404, {}, b""),
    (413, {}, {"message": "Request Too Long"}),
    (429, {}, {"message": "Too Many Requests"}),
    (500, {}, b""),
    (503, {TYPE: "InternalFailure"}, b""),
]


@pytest.mark.parametrize(("status", "headers", "body"), ANSWERS)
def test_botocore_reads_the_same_code_and_words(shared, boto3_client, status, headers, body):
    fault = faults.answer(status, body, headers)
    error = failure(shared, fault)
    shared[0].script(fault)
    with pytest.raises(ClientError) as caught:
        boto3_client.send_email(Content={"Raw": {"Data": b"x"}})
    theirs = caught.value.response["Error"]
    words = theirs.get("Message", "") if body else ""  # botocore names the status in words of its own
    assert (error.code, error.detail) == (
        theirs["Code"],
        f"ses answered {status} {theirs['Code']}: {words}",
    )


def test_a_redirect_is_not_followed(shared):
    error = failure(shared, faults.redirect(shared[0].url))
    assert (type(error), len(shared[0].received)) == (errors.AccountProblem, 1)


@pytest.mark.parametrize(
    "fault",
    [faults.hang(), faults.reset(), faults.close(), faults.garbage(), faults.truncated(200), faults.drip()],
)
def test_a_request_received_whole_without_an_answer_is_unknown_and_sent_once(shared, fault):
    assert type(failure(shared, fault)) is errors.Unknown
    assert len(shared[0].received) == 1


@pytest.mark.parametrize("read", ["nothing", "head", "half"])
@pytest.mark.parametrize("fault", [faults.hang, faults.reset, faults.close])
def test_a_request_cut_off_is_not_sent(shared, fault, read):
    large = letter(attachments=(file(noise(6_000_000)),))
    assert type(failure(shared, fault(read), large)) is errors.Unavailable
    assert not shared[0].received


@pytest.mark.parametrize("code", ["UNRELATED", "AWS_ACCESS_KEY_ID"])
def test_without_credentials_nothing_is_sent(server, monkeypatch, code):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv(code, "half")
    provider = adapter.SES(adapter.Config(region="eu-west-1", endpoint_url=server.url, timeouts=QUICK))
    with pytest.raises(errors.AccountProblem):
        provider.send(letter(), ATTEMPT)
    assert not server.received


def test_an_impossible_region_is_an_account_problem():
    with pytest.raises(errors.AccountProblem):
        adapter.SES(adapter.Config(region="not a region!")).send(letter(), ATTEMPT)


def test_a_refused_connection_is_unavailable():
    url = f"http://127.0.0.1:{faults.closed_port()}"
    config = adapter.Config(region="eu-west-1", access_key_id="a", secret_access_key="b", endpoint_url=url)
    with pytest.raises(errors.Unavailable):
        adapter.SES(config).send(letter(), ATTEMPT)


def test_a_message_that_cannot_be_built_is_refused_before_anything_is_sent(shared):
    server, providers = shared
    server.received.clear()
    with pytest.raises(errors.Refused):
        providers[QUICK].send(replace(letter(), subject="a\r\nBcc: x@evil.test"), ATTEMPT)
    with pytest.raises(errors.Refused):
        providers[QUICK].send(letter(bcc=(Mailbox(address="x@evil.test\n"),)), ATTEMPT)
    assert not server.received


def test_the_daily_quota_is_tried_again_after_ten_minutes(shared):
    assert (
        failure(shared, aws("TooManyRequestsException", "Daily message quota exceeded", 429)).retry_after
        == 600
    )


def test_no_key_and_no_header_is_quoted(shared):
    echo = f"Bad {SECRET} of AKID. The Canonical String should have been 'x-amz-security-token:T'"
    error = failure(shared, aws("SignatureDoesNotMatch", echo, 403))
    assert error.detail == "ses answered 403 SignatureDoesNotMatch: Bad [hidden] of [hidden]."
