"""manage.py drill: who would carry the load today, and who if another were down; nothing is sent or written."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from delivery.models import Attempt, CircuitChange, Email, ProviderCheck
from delivery.monitoring import drill
from delivery.routing import circuits
from providers.base import Limits
from providers.readiness import Quota
from tests import fakes, readiness
from tests.providers.fault_server import answer, closed_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
SANDBOX = readiness.ses_account(ProductionAccessEnabled=False)


@pytest.fixture(autouse=True)
def _ready(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    readiness.make_ready(ses, sendgrid)


def run(*arguments: str) -> tuple[int, str]:
    """Return exit status and what is printed."""
    out = StringIO()
    try:
        call_command("drill", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_first_carries_and_the_second_stands_behind_it() -> None:
    status, said = run()
    assert status == 0
    assert "ses: carries" in said
    assert "sendgrid: carries" in said
    assert "Today ses would carry the load." in said
    assert "After it, in this order: sendgrid." in said


def test_each_gets_one_mail_in_its_test_mode(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    run("--from", "shop@example.org")
    (to_ses,), (to_sendgrid,) = readiness.sent(ses), readiness.sent(sendgrid)
    (recipient,) = [box for boxes in to_ses["Destination"].values() for box in boxes]
    assert recipient.endswith("@simulator.amazonses.com")
    assert to_sendgrid["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert to_sendgrid["from"]["email"] == "shop@example.org"


def test_nothing_is_written(ses: fakes.FakeVendor) -> None:
    ses.default = fakes.SES_SUSPENDED
    before = circuits.Circuit.objects.create(provider="sendgrid")
    run()
    for model in (Email, Attempt, ProviderCheck, CircuitChange):
        assert not model.objects.exists()
    assert list(circuits.Circuit.objects.all()) == [before]


@pytest.mark.parametrize(
    ("vendor", "path", "fault", "words"),
    [
        ("ses", readiness.SES_SEND, fakes.SES_BAD_KEY, "security token included in the request is invalid"),
        ("ses", readiness.SES_SEND, fakes.SES_SUSPENDED, "Account is permanently restricted"),
        ("ses", readiness.SES_SEND, fakes.SES_UNVERIFIED, "Email address is not verified"),
        ("ses", readiness.SES_ACCOUNT, readiness.ses_account(SendingEnabled=False), "sending is paused"),
        ("ses", readiness.SES_ACCOUNT, readiness.ses_account(used=50000), "the quota is used up"),
        ("ses", readiness.SES_DOMAIN, readiness.NO_IDENTITY, "would not take mail from default@example.org"),
        ("ses", readiness.SES_ACCOUNT, SANDBOX, "does not deliver to everybody"),
        ("sendgrid", readiness.SENDGRID_SEND, readiness.BAD_SENDGRID_KEY, "authorization required"),
        ("sendgrid", readiness.SENDGRID_SEND, answer(202, b""), "accepted a rehearsed message as a real one"),
        ("sendgrid", readiness.CREDITS, readiness.credits(used=200), "the credits are used up"),
        ("sendgrid", readiness.DOMAINS, answer(200, []), "would not take mail from default@example.org"),
    ],
)  # fmt: skip
def test_one_that_would_not_carry_says_why_in_plain_words(
    request: pytest.FixtureRequest, vendor: str, path: str, fault: Any, words: str
) -> None:
    request.getfixturevalue(vendor).paths[path] = fault
    other = {"ses": "sendgrid", "sendgrid": "ses"}[vendor]
    status, said = run()
    assert status == 0
    assert f"{vendor}: DOES NOT CARRY" in said
    assert words in said
    assert f"Today {other} would carry the load.\nThere is none after it." in said


def test_one_that_is_out_of_service_does_not_carry() -> None:
    circuits.take_out("ses", by="ann")
    assert "because  ses was taken out of service." in run()[1]


def test_a_vendor_that_is_down_does_not_carry(settings: Any) -> None:
    down = f"http://127.0.0.1:{closed_port()}"
    settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, "AWS_SES_ENDPOINT_URL": down}
    status, said = run()
    assert (status, "ses: DOES NOT CARRY" in said) == (0, True)
    assert "Today sendgrid would carry the load." in said


def test_when_none_carries_it_says_so_and_ends_with_1(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.paths[readiness.SES_SEND] = fakes.SES_BAD_KEY
    sendgrid.paths[readiness.SCOPES] = readiness.BAD_SENDGRID_KEY
    status, said = run()
    assert (status, "Today no provider would carry the load: emails would be queued" in said) == (1, True)


def test_if_the_first_were_down_the_next_one_and_what_it_does_not_take_are_named(
    ses: fakes.FakeVendor,
) -> None:
    status, said = run("--fail", "ses")
    assert (status, ses.connections) == (0, 0)
    assert "If ses were down sendgrid would carry the load." in said
    assert "Unlike ses, sendgrid does not take messages with an empty file." in said


def test_if_the_only_one_that_carries_were_down_it_ends_with_1(sendgrid: fakes.FakeVendor) -> None:
    sendgrid.paths[readiness.SCOPES] = readiness.BAD_SENDGRID_KEY
    status, said = run("--fail", "ses")
    assert (status, "If ses were down no provider would carry the load" in said) == (1, True)
    assert run("--fail", "ses", "--fail", "sendgrid")[0] == 1


@pytest.mark.parametrize(("used", "verdict"), [(50, "That is enough."), (198, "THAT IS NOT ENOUGH.")])
def test_the_quota_of_the_next_one_is_held_against_the_last_day(
    sendgrid: fakes.FakeVendor, used: int, verdict: str
) -> None:
    sendgrid.paths[readiness.CREDITS] = readiness.credits(used=used)
    email = Email.objects.create(from_address="me@example.org")
    for _ in range(3):
        Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="accepted")
    left = f"sendgrid has {200 - used} of 200 per day left"
    assert f"Emails accepted in the last 24 hours: 3; {left}. {verdict}" in run("--fail", "ses")[1]


def test_a_provider_without_a_test_mode_is_judged_by_what_it_says(settings: Any) -> None:
    with fakes.FakeVendor() as mandrill:
        mandrill.paths |= {"/users/info.json": answer(200, {"username": "u"})}
        settings.GOMAIL_PROVIDERS = ("mandrill",)
        settings.PROVIDER_SECRETS = {"MANDRILL_API_KEY": "md-key", "MANDRILL_BASE_URL": mandrill.url}
        said = run()[1]
    assert "The message was built and not handed over" in said
    assert "The rest of this result is from its readiness check." in said
    assert not [request for request in mandrill.received if "send" in request.path and "raw" in request.path]


def test_a_strange_provider_or_sender_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no provider 'sess' to fail, only ses, sendgrid"):
        run("--fail", "sess")
    with pytest.raises(CommandError, match="nobody"):
        run("--from", "nobody")


def test_without_any_sender_it_asks_for_one(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = ""
    with pytest.raises(CommandError, match="No sender is known"):
        run()


def test_what_a_stand_in_does_not_take_is_listed() -> None:
    large = Limits(max_bytes=40_000_000, max_recipients=50, special_use_domains=True)
    small = Limits(
        max_bytes=10_000_000, max_recipients=10, blocked_extensions=frozenset({"exe"}), empty_files=False
    )
    assert drill.differences(small, large) == []
    assert drill.differences(large, small) == [
        "messages over 10 MB (instead of 40)",
        "messages to more than 10 recipients (instead of 50)",
        "1 more kinds of files, such as .exe",
        "messages with an empty file",
        "messages to names of a private network, such as .local",
    ]


@pytest.mark.parametrize(
    ("quota", "enough"),
    [
        (Quota(limit=100, used=10, per="24 hours"), True),
        (Quota(limit=100, used=20, per="day"), False),
        (Quota(limit=100, used=95, per="hour"), True),
        (Quota(limit=100, used=97, per="hour"), False),
        (Quota(limit=1000, used=920, per="month"), False),
        (Quota(limit=-1, used=0, per="day"), None),
        (Quota(limit=100, used=0, per="moon"), None),
    ],
)
def test_a_quota_lasts_for_a_day_or_its_shorter_period(quota: Quota, enough: bool | None) -> None:
    assert drill.lasts(quota, 90) is enough
