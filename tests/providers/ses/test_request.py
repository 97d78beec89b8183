"""What SES receives, checked without botocore; and that botocore's own client would have asked for the same."""

import json
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from providers import errors
from providers.ses import adapter
from providers.wire import http
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.ses.signature import verify

KEYS = {"access_key_id": "AKID", "secret_access_key": "wJalrXUtnFEMI"}
QUICK = http.Timeouts(connect=0.5, read=2.0, total=5.0)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """A machine without anything that boto3 would find."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.fixture
def sent(server):
    """Send with such a configuration and return what the server has received."""
    server.default = faults.answer(200, {"MessageId": "m-1"})

    def send(message=None, **config):
        given = {"region": "eu-west-1", "endpoint_url": server.url, "timeouts": QUICK, **config}
        provider = adapter.SES(adapter.Config(**given))
        provider.send(message or letter(), ATTEMPT)
        provider.close()
        return server.received[-1]

    return send


@pytest.mark.parametrize("size", [0, 1_000, 3_000_000])
def test_the_signature_is_that_of_the_received_bytes(sent, size):
    verify(sent(letter(text="Grüße 🎉", attachments=(file(noise(size)),)), **KEYS))


def test_it_covers_the_host_the_type_and_the_date(sent):
    assert "SignedHeaders=content-type;host;x-amz-date," in sent(**KEYS).headers["authorization"]


@pytest.mark.parametrize("end", ["/proxy", "/proxy/", "/"])
def test_an_endpoint_may_have_a_path(server, sent, end):
    request = sent(endpoint_url=server.url + end, **KEYS)
    assert request.path == f"{end.rstrip('/')}/v2/email/outbound-emails"
    verify(request)


def test_the_token_of_a_session_is_sent_and_signed(sent, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-1")
    request = sent()
    assert request.headers["x-amz-security-token"] == "token-1"
    assert ";x-amz-security-token," in request.headers["authorization"]
    verify(request, "ASIA1", "other")


def test_configured_keys_win_over_the_chain(sent, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-1")
    request = sent(**KEYS)
    assert "x-amz-security-token" not in request.headers
    verify(request)


def program(tmp_path, monkeypatch, lifetime):
    """Let boto3 get its keys from a program, which counts its calls: keys that expire, as those of a role."""
    calls = tmp_path / "calls"
    until = (datetime.now(UTC) + timedelta(seconds=lifetime)).isoformat()
    script = tmp_path / "keys.py"
    script.write_text(
        f"import json\nopen({str(calls)!r}, 'a').write('x')\nn = len(open({str(calls)!r}).read())\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'KEY{n}', 'SecretAccessKey': f'secret{n}',"
        f" 'SessionToken': f'token{{n}}', 'Expiration': {until!r}}}))"
    )
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return calls


def twice(server):
    server.default = faults.answer(200, {"MessageId": "m-1"})
    provider = adapter.SES(adapter.Config(region="eu-west-1", endpoint_url=server.url, timeouts=QUICK))
    for _ in range(2):
        provider.send(letter(), ATTEMPT)
    provider.close()
    return server.received


def test_keys_about_to_expire_are_renewed_between_two_mails(server, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, lifetime=60)
    first, second = twice(server)
    verify(first, "KEY2", "secret2")
    verify(second, "KEY3", "secret3")
    assert second.headers["x-amz-security-token"] == "token3"


def test_keys_with_time_left_are_kept(server, tmp_path, monkeypatch):
    calls = program(tmp_path, monkeypatch, lifetime=3600)
    for request in twice(server):
        verify(request, "KEY1", "secret1")
    assert calls.read_text() == "x"


def test_the_keys_of_a_machine_s_role_are_found(server, monkeypatch):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
    role = {"Code": "Success", "AccessKeyId": "ASIA2", "SecretAccessKey": "s2", "Token": "t2"}
    until = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answers = ["session", "mail-role", {**role, "Expiration": until}]
    server.script(*(faults.answer(200, answer) for answer in answers))
    for request in twice(server)[-2:]:
        verify(request, "ASIA2", "s2")
        assert request.headers["x-amz-security-token"] == "t2"
    assert len(server.received) == 3 + 2


def fails(server, **config):
    given = {"region": "eu-west-1", "endpoint_url": server.url, "timeouts": QUICK, **config}
    with pytest.raises(errors.AccountProblem) as caught:
        adapter.SES(adapter.Config(**given)).send(letter(), ATTEMPT)
    assert not [request for request in server.received if "email" in request.path]
    return caught.value.code


def test_new_keys_that_have_expired_are_an_account_problem(server, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, lifetime=-60)
    assert fails(server) == "RuntimeError"


def test_a_program_that_fails_is_an_account_problem(server, tmp_path, monkeypatch):
    config = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    config.write_text("[default]\ncredential_process = false\n")
    assert fails(server) == "CredentialRetrievalError"
    config.write_text("[default]\ncredential_process = /nonexistent/program\n")
    assert fails(server) == "FileNotFoundError"


def test_a_role_that_is_refused_is_an_account_problem(server, tmp_path, monkeypatch):
    token = tmp_path / "token"
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/mail")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    assert fails(server) == "FileNotFoundError"
    token.write_text("a token")
    refusal = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    server.default = faults.answer(403, refusal)
    assert fails(server) == "ClientError"


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("AWS_PROFILE", "nobody", "ProfileNotFound"),
        ("AWS_ENDPOINT_URL_SESV2", "no address", "ValueError"),
        ("AWS_SECRET_ACCESS_KEY", "half", "NoCredentialsError"),
        ("AWS_ACCESS_KEY_ID", "half", "PartialCredentialsError"),
    ],
)
def test_an_impossible_environment_is_an_account_problem(server, monkeypatch, variable, value, code):
    monkeypatch.setenv(variable, value)
    assert fails(server, endpoint_url="") == code


def asked_by_boto3(message=None, **options):
    """Return the request that boto3's own client would send, and stop it before it does."""
    caught = []

    class Stop(Exception):
        pass

    def catch(request, **_):
        caught.append(request)
        raise Stop

    client = boto3.session.Session().client(
        "sesv2", aws_access_key_id="AKID", aws_secret_access_key="wJalrXUtnFEMI", **options
    )
    client.meta.events.register("before-send.sesv2.SendEmail", catch)
    with pytest.raises(Stop):
        client.send_email(**(message or {"Content": {"Raw": {"Data": b"x"}}}))
    return caught[0]


REGIONS = [
    "eu-west-1",
    "us-east-1",
    "cn-north-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "eusc-de-east-1",
    "xx-new-1",
]
ENVIRONMENTS = [
    {},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    {"AWS_ENDPOINT_URL": "https://mail.example.org/all"},
    {"AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:99/"},
]


@pytest.mark.parametrize(
    ("region", "environment"),
    [*((region, {}) for region in REGIONS), *(("us-east-1", environment) for environment in ENVIRONMENTS),
     ("us-gov-west-1", ENVIRONMENTS[1]), ("fips-us-east-1", {})],
)  # fmt: skip
def test_boto3_would_ask_the_same_address_in_the_same_scope(monkeypatch, region, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    account, _ = adapter.SES(adapter.Config(region=region, **KEYS))._found()
    asked = asked_by_boto3(region_name=region)
    assert account.url == asked.url
    assert f"/{account.region}/ses/aws4_request" in asked.headers["Authorization"].decode()


def test_a_configured_endpoint_wins_over_the_environment(sent, server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:99")
    assert sent(**KEYS).headers["host"] == urlsplit(server.url).netloc


def test_boto3_would_send_the_same_fields_and_headers(sent):
    request = sent(letter(metadata={"order": "42"}), configuration_set="events", **KEYS)
    fields = request.json()
    asked = asked_by_boto3(fields, region_name="eu-west-1", config=Config(user_agent="gomail"))
    theirs = json.loads(asked.body)
    theirs["Content"]["Raw"]["Data"] = fields["Content"]["Raw"]["Data"]  # boto3 has encoded it once more
    assert fields == theirs
    ours = request.headers.keys() - {"host", "accept-encoding"}
    assert ours == {name.lower() for name in asked.headers} - {"amz-sdk-invocation-id", "amz-sdk-request"}
