"""What SES says of itself when it is asked, and that nothing is sent by asking."""

import email
from base64 import b64decode
from dataclasses import replace
from email.policy import SMTP
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from providers import errors
from providers.message import Mailbox
from providers.readiness import Quota, Sender
from providers.ses import adapter, readiness
from providers.wire import http, inquiry
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter
from tests.providers.ses.signature import verify

ACCOUNT, SET = "/v2/email/account", "/v2/email/configuration-sets/events"
DOMAIN, SHOP = "/v2/email/identities/example.org", "/v2/email/identities/shop%40example.org"
HEALTHY = {
    "SendingEnabled": True,
    "ProductionAccessEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 120.0},
}
VERIFIED = {
    "IdentityType": "DOMAIN", "VerifiedForSendingStatus": True, "VerificationStatus": "SUCCESS",
    "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS"},
}  # fmt: skip
PENDING = {**VERIFIED, "VerifiedForSendingStatus": False, "VerificationStatus": "PENDING"}
SECRET, KEY = "wJalrXUtnFEMI", "AKIDEXAMPLE"
QUICK = http.Timeouts(connect=0.5, read=0.4, total=1.5)
SENDERS = ["shop@example.org"]


def aws(status, code, words="no"):
    return faults.answer(status, {"message": words}, {"x-amzn-ErrorType": code})


MISSING = aws(404, "NotFoundException", "Email identity does not exist.")
DENIED = aws(403, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform it")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(inquiry, "PAUSE", 0.0)


@pytest.fixture
def build(server):
    """Build an account at a server that knows no identity; healthy unless told otherwise."""
    built = []
    server.default = MISSING
    server.paths[ACCOUNT] = faults.answer(200, HEALTHY)

    def build(**changes):
        given = {"region": "eu-west-1", "endpoint_url": server.url, "timeouts": QUICK,
                 "access_key_id": KEY, "secret_access_key": SECRET, **changes}  # fmt: skip
        built.append(adapter.SES(adapter.Config(**given)))
        return built[-1]

    yield build
    for one in built:
        one.close()


@pytest.fixture
def check(build):
    """Check an account, by default for one sender."""
    return lambda senders=SENDERS, **changes: build(**changes).check(senders)


def asked(server):
    return [request.path for request in server.received]


def test_a_healthy_account_is_ready(server, check):
    server.paths[DOMAIN] = faults.answer(200, VERIFIED)
    said = check()
    assert said.asked
    assert (said.provider, said.ready, said.warnings, said.sandbox) == ("ses", True, (), False)
    assert said.quota == Quota(limit=50000.0, used=120.0, per="24 hours")
    assert said.senders == {"shop@example.org": Sender(verified=True, detail="example.org is verified.")}


def test_the_questions_are_signed_and_send_nothing(server, check):
    check(configuration_set="events")
    assert asked(server) == [ACCOUNT, SET, DOMAIN, SHOP]
    for request in server.received:
        assert (request.method, request.body) == ("GET", b"")
        verify(replace(request, path=quote(request.path)), KEY, SECRET)


def test_boto3_would_ask_at_the_same_paths(server, build):
    client = boto3.client(
        "sesv2", region_name="eu-west-1", endpoint_url=server.url, aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    client.get_account()
    for identity in ("example.org", "a+b~c d@example.org"):
        with pytest.raises(ClientError):
            client.get_email_identity(EmailIdentity=identity)
    client.close()
    of_boto3 = asked(server)
    build().check(["a+b~c d@example.org"])
    assert asked(server) == of_boto3 * 2


def test_without_senders_only_the_account_is_asked(server, check):
    assert check([]).senders == {}
    assert asked(server) == [ACCOUNT]


@pytest.mark.parametrize(
    ("code", "words", "advice"),
    [("UnrecognizedClientException", "The security token is invalid.", "Enter an active access key"),
     ("InvalidSignatureException", "The request signature does not match.", "Enter an active access key"),
     ("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", "clock"),
     ("RequestExpired", "Request has expired", "clock"), ("ExpiredTokenException", "old", "Renew it"),
     ("AccountSuspendedException", "restricted", "AWS Support"), ("OptInRequired", "no", "signed up"),
     ("SomethingNew", "no", "Enter an active access key")],
)  # fmt: skip
def test_an_account_that_cannot_be_used_is_a_problem_and_ends_the_questions(
    server, check, code, words, advice
):
    server.paths[ACCOUNT] = aws(403, code, words)
    said = check()
    assert len(said.problems) == 1
    assert all(part in said.problems[0] for part in (advice, f"403 {code}: {words}", "ses: "))
    assert said.senders["shop@example.org"].verified is None
    assert asked(server) == [ACCOUNT]


def test_missing_keys_are_a_problem(server, check, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    said = check(access_key_id="", secret_access_key="")
    assert "Unable to locate credentials" in said.problems[0]
    assert not server.received


# What the account says of itself: the field, a problem's words, a warning's words.
STATES = [
    ({"SendingEnabled": False}, "sending is paused for this account", ""),
    ({"EnforcementStatus": "SHUTDOWN", "SendingEnabled": False}, "shut down sending", ""),
    ({"EnforcementStatus": "PROBATION"}, "", "under review (PROBATION)"),
    ({"ProductionAccessEnabled": False}, "", "in the sandbox"),
    ({"SendQuota": {"Max24HourSend": 200, "SentLast24Hours": 200}}, "used up, 200 of 200 per 24 hours", ""),
    ({"SendQuota": {"Max24HourSend": 200, "SentLast24Hours": 201}}, "used up, 201 of 200", ""),
    ({"SendQuota": {"Max24HourSend": 200, "SentLast24Hours": 180}}, "", "nearly used up, 180 of 200"),
    ({"SendQuota": {"Max24HourSend": 200, "SentLast24Hours": 179}}, "", ""),
    ({"SendQuota": {"Max24HourSend": -1, "SentLast24Hours": 9}}, "", ""),
    ({"SendQuota": {"Max24HourSend": 0, "SentLast24Hours": 0}}, "used up, 0 of 0", ""),
]


@pytest.mark.parametrize(("changes", "problem", "warning"), STATES, ids=[str(row[0]) for row in STATES])
def test_the_account_s_own_words_become_sentences(server, check, changes, problem, warning):
    server.paths[ACCOUNT] = faults.answer(200, {**HEALTHY, **changes})
    said = check([])
    for sentences, words in ((said.problems, problem), (said.warnings, warning)):
        assert len(sentences) == bool(words)
        assert words in "".join(sentences)


@pytest.mark.parametrize(
    ("changes", "is_stopped"),
    [
        ({"SendingEnabled": False}, True),
        ({"EnforcementStatus": "SHUTDOWN"}, True),
        ({"EnforcementStatus": "PROBATION"}, False),
        ({"SendQuota": {"Max24HourSend": 200, "SentLast24Hours": 200}}, False),
    ],
)
def test_an_account_that_can_send_nothing_is_told_apart(server, check, changes, is_stopped):
    server.paths[ACCOUNT] = faults.answer(200, {**HEALTHY, **changes})
    said = check([])
    assert bool(said.stopped) == is_stopped
    assert not said.stopped or said.stopped in said.problems


def test_the_sandbox_is_told(server, check):
    server.paths[ACCOUNT] = faults.answer(200, {**HEALTHY, "ProductionAccessEnabled": False})
    assert check([]).sandbox is True


@pytest.mark.parametrize(
    "told",
    [None, 5, {}, {"Max24HourSend": "200", "SentLast24Hours": 1}, {"Max24HourSend": True},
     {"Max24HourSend": float("nan"), "SentLast24Hours": 1}],
)  # fmt: skip
def test_a_quota_that_is_no_number_is_not_told(told):
    assert readiness.quota(told) is None


@pytest.mark.parametrize("more", [{}, {"ProductionAccessEnabled": None, "SendQuota": None}])
def test_facts_that_are_missing_are_not_told(server, check, more):
    server.paths[ACCOUNT] = faults.answer(200, {"SendingEnabled": True, **more})
    said = check([])
    assert (said.ready, said.sandbox, said.quota, said.warnings) == (True, None, None, ())


def test_a_key_that_may_only_send_is_ready_with_a_warning(server, check):
    server.paths[ACCOUNT] = server.default = DENIED
    said = check(configuration_set="events")
    assert (said.ready, said.asked) == (True, False)
    assert len(said.warnings) == 2
    assert "allow ses:GetAccount" in said.warnings[0]
    assert "allow ses:GetConfigurationSet" in said.warnings[1]
    assert said.senders["shop@example.org"].verified is None
    assert "allow ses:GetEmailIdentity" in said.senders["shop@example.org"].detail
    assert SHOP not in asked(server)


def test_a_problem_was_told_even_when_the_account_was_not(server, check):
    server.paths[ACCOUNT] = DENIED
    said = check([], configuration_set="events")
    assert (said.ready, said.asked) == (False, True)


def test_an_unverified_domain_is_told_with_what_to_do(server, check):
    server.paths[DOMAIN] = faults.answer(200, PENDING)
    told = check().senders["shop@example.org"]
    assert told.verified is False
    assert told.detail.startswith("example.org is not verified (PENDING). Publish the DNS records")


def test_an_unverified_address_is_told_with_what_to_do(server, check):
    server.paths[SHOP] = faults.answer(200, {**PENDING, "VerificationStatus": "FAILED"})
    told = check().senders["shop@example.org"]
    assert (
        told.detail == "shop@example.org is not verified (FAILED). Open the link that Amazon has sent to it."
    )


def test_an_address_may_be_verified_without_its_domain(server, check):
    server.paths[SHOP] = faults.answer(200, {**VERIFIED, "IdentityType": "EMAIL_ADDRESS"})
    said = check(["shop@example.org", "other@example.org"])
    assert [told.verified for told in said.senders.values()] == [True, False]
    assert said.ready


def test_an_address_below_a_verified_domain_is_verified(server, check):
    server.paths[DOMAIN] = faults.answer(200, VERIFIED)
    said = check(["news@a.b.example.org"])
    assert said.senders["news@a.b.example.org"] == Sender(verified=True, detail="example.org is verified.")


def test_an_identity_that_ses_does_not_know_is_not_verified(check):
    told = check().senders["shop@example.org"]
    assert (told.verified, told.detail[:45]) == (False, "SES knows neither shop@example.org nor its do")


def test_a_verified_domain_without_dkim_is_told(server, check):
    server.paths[DOMAIN] = faults.answer(200, {**VERIFIED, "DkimAttributes": {"Status": "PENDING"}})
    told = check().senders["shop@example.org"]
    assert told.verified is True
    assert "DKIM is PENDING" in told.detail


def test_each_domain_is_asked_once(server, check):
    server.paths[DOMAIN] = faults.answer(200, VERIFIED)
    said = check(
        [f"user{number}@{domain}" for number in range(12) for domain in ("example.org", "EXAMPLE.org")]
    )
    assert asked(server) == [ACCOUNT, DOMAIN]
    assert all(told.verified for told in said.senders.values())


def test_the_questions_are_few(server, check):
    said = check([f"user@shop{number}.example" for number in range(30)])
    assert len(asked(server)) == inquiry.MOST_QUESTIONS
    assert (len(said.senders), said.senders["user@shop29.example"].verified) == (30, None)
    assert "few questions" in said.senders["user@shop24.example"].detail
    assert "the first 25 of 30 senders only" in said.warnings[0]


def test_no_question_is_asked_when_the_time_is_over(server, check):
    said = check(timeouts=replace(QUICK, total=-1.0))
    assert not server.received
    assert "few questions" in said.warnings[0]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [(faults.answer(200, {"ConfigurationSetName": "events", "SendingOptions": {"SendingEnabled": True}}), ""),
     (faults.answer(200, {"ConfigurationSetName": "events"}), ""),
     (faults.answer(200, {"ConfigurationSetName": "events", "SendingOptions": {"SendingEnabled": False}}),
      "ses: sending is paused for the configuration set events. Resume it in the SES console."),
     (aws(404, "NotFoundException"), "ses: there is no configuration set events in this region. "
      "Create it, or correct its name.")],
)  # fmt: skip
def test_the_configuration_set_must_be_there_and_send(server, check, fault, problem):
    server.paths[SET] = fault
    assert check([], configuration_set="events").problems == ((problem,) if problem else ())


def test_a_pause_that_ses_wants_is_made(server, check):
    del server.paths[ACCOUNT]
    server.script(aws(429, "TooManyRequestsException"), faults.answer(200, HEALTHY))
    assert check([]).quota
    assert asked(server) == [ACCOUNT] * 2


def test_a_question_refused_twice_stays_open(server, check):
    server.paths[ACCOUNT] = aws(429, "TooManyRequestsException", "Rate exceeded")
    said = check([])
    assert (said.ready, said.asked) == (True, False)
    assert "asked too often (ses:GetAccount)" in said.warnings[0]


@pytest.mark.parametrize("path", [ACCOUNT, SET, DOMAIN])
@pytest.mark.parametrize(
    ("fault", "words"),
    [(faults.hang(), "not answered"), (faults.reset(), "not answered"), (faults.garbage(), "not answered"),
     (faults.truncated(200), "not answered"), (faults.html(200), "Proxy says no"),
     (faults.html(403), "Proxy says no"), (faults.html(502), "Proxy says no"),
     (faults.redirect("http://127.0.0.1/"), "302"), (faults.answer(200, {}), "200"),
     (faults.answer(403, {}), "403"), (faults.answer(200, "[1]"), "[1]"),
     (aws(500, "InternalFailure"), "SES is failing"), (faults.answer(503), "SES is failing")],
)  # fmt: skip
def test_whoever_does_not_answer_as_ses_is_a_problem(server, check, path, fault, words):
    server.paths[SET] = faults.answer(200, {"ConfigurationSetName": "events"})
    server.paths[path] = fault
    said = check(configuration_set="events")
    assert len(said.problems) == 1
    assert words in said.problems[0]
    assert asked(server)[-1] == path


def test_a_closed_port_is_a_problem(check):
    said = check(endpoint_url=f"http://127.0.0.1:{faults.closed_port()}")
    assert "Look at this machine's network" in said.problems[0]


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
@pytest.mark.parametrize("code", ["AccessDeniedException", "SignatureDoesNotMatch", "New", ""])
def test_no_sentence_shows_a_key(server, check, status, code):
    fault = aws(status, code, f"{KEY} {SECRET} canary")
    server.default, server.paths = fault, {ACCOUNT: fault}
    server.paths[SET] = faults.answer(200, {"ConfigurationSetName": "events"})
    said = check(configuration_set="events")
    assert "canary" in repr(said)
    assert not any(secret in repr(said) for secret in (KEY, SECRET))


def test_a_key_that_no_header_can_hold_is_a_problem_that_does_not_show_it(server, check):
    said = check(access_key_id="AKID\nEXAMPLE")
    assert "Enter it anew" in said.problems[0]
    assert "EXAMPLE" not in repr(said)
    assert not server.received


def test_a_rehearsal_reaches_the_simulator_only(server, build):
    server.default = faults.answer(200, {"MessageId": "m-1"})
    real = (Mailbox(address="real@example.com"),)
    receipt = build().rehearse(letter(to=real, cc=real, bcc=real), ATTEMPT)
    sent = server.received[0].json()
    address = f"success+{ATTEMPT}@simulator.amazonses.com"
    assert sent["Destination"] == {"ToAddresses": [address], "CcAddresses": [], "BccAddresses": []}
    raw = email.message_from_bytes(b64decode(sent["Content"]["Raw"]["Data"]), policy=SMTP)
    assert (raw["To"], raw["Cc"]) == (address, None)
    assert "real@" not in raw.as_string()
    assert receipt.message_id == "m-1"


def test_a_rehearsal_is_otherwise_the_message_that_would_be_sent(server, build):
    server.default = faults.answer(200, {"MessageId": "m-1"})
    provider, message = build(configuration_set="events"), letter(html="<p>", metadata={"order": "42"})
    provider.send(message, ATTEMPT)
    provider.rehearse(message, ATTEMPT)
    real, rehearsed = (request.json() for request in server.received)
    assert real["EmailTags"] == rehearsed["EmailTags"]
    assert rehearsed["ConfigurationSetName"] == "events"
    assert rehearsed["Content"] != real["Content"]


def test_a_strange_attempt_gives_an_address_all_the_same(server, build):
    server.default = faults.answer(200, {"MessageId": "m-1"})
    build().rehearse(letter(), "x@evil.test, <y>" * 9)
    local, at, host = server.received[0].json()["Destination"]["ToAddresses"][0].partition("@")
    assert (len(local), at, host) == (64, "@", "simulator.amazonses.com")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(aws(403, "AccessDeniedException"), errors.AccountProblem),
     (aws(400, "MessageRejected", "Email address is not verified: shop@example.org"), errors.SenderRefused),
     (aws(429, "TooManyRequestsException"), errors.Throttled),
     (aws(400, "BadRequestException"), errors.CannotCarry), (faults.hang(), errors.Unknown),
     (faults.close(faults.HEAD), errors.Unknown), (faults.html(200), errors.Unknown)],
)  # fmt: skip
def test_a_rehearsal_fails_as_a_send_does(server, build, fault, kind):
    server.default = fault
    with pytest.raises(kind):
        build().rehearse(letter(), ATTEMPT)
