"""manage.py check_providers: what is wrong is named in plain words, and the exit status is for machines."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from delivery.models import Attempt, Email, ProviderCheck
from delivery.routing import circuits
from tests import fakes, readiness
from tests.providers.fault_server import answer, closed_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


@pytest.fixture(autouse=True)
def _ready(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    readiness.make_ready(ses, sendgrid)


def check(*arguments: str) -> tuple[int, str]:
    """Return exit status and what is printed; progress is not."""
    out = StringIO()
    try:
        call_command("check_providers", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_two_that_are_in_order_end_with_0() -> None:
    status, said = check()
    assert status == 0
    assert "1. ses: would carry mail" in said
    assert "2. sendgrid: would carry mail" in said
    assert "in production" in said
    assert "120 of 50000 per 24 hours are used, 49880 left" in said
    assert "sender   default@example.org: verified. example.org is verified." in said
    assert said.rstrip().endswith("2 of 2 providers would carry mail.")


def test_nothing_is_sent_and_what_they_say_is_kept(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    check()
    assert readiness.sent(ses) == readiness.sent(sendgrid) == []
    assert list(ProviderCheck.objects.values_list("provider", flat=True)) == ["sendgrid", "ses"]


@pytest.mark.parametrize(
    ("vendor", "path", "fault", "words"),
    [
        ("ses", readiness.SES_ACCOUNT, readiness.BAD_SES_KEY, "Amazon does not accept the key. Enter an active"),
        ("ses", readiness.SES_ACCOUNT, readiness.ses_account(SendingEnabled=False), "sending is paused"),
        ("ses", readiness.SES_ACCOUNT, readiness.ses_account(used=50000), "the quota is used up, 50000 of 50000"),
        ("ses", readiness.SES_ACCOUNT, readiness.ses_account(ProductionAccessEnabled=False), "in the vendor's sandbox"),
        ("sendgrid", readiness.SCOPES, readiness.BAD_SENDGRID_KEY, "SendGrid does not accept the key. Enter an active"),
        ("sendgrid", readiness.SCOPES, answer(403, {"errors": [{"message": "no"}]}), "the account is suspended"),
        ("sendgrid", readiness.SCOPES, answer(200, {"scopes": []}), "the key may not send mail"),
        ("sendgrid", readiness.CREDITS, readiness.credits(used=200), "the credits are used up, 200 of 200 per day"),
    ],
)  # fmt: skip
def test_a_trouble_is_named_with_what_to_do_and_ends_with_1(
    request: pytest.FixtureRequest, vendor: str, path: str, fault: Any, words: str
) -> None:
    request.getfixturevalue(vendor).paths[path] = fault
    status, said = check()
    assert status == 1
    assert f"{vendor}: WOULD NOT CARRY MAIL" in said
    assert words in said
    assert "1 of 2 providers would carry mail" in said


@pytest.mark.parametrize(
    ("vendor", "path", "fault", "words"),
    [
        ("ses", readiness.SES_DOMAIN, readiness.NO_IDENTITY, "default@example.org: NOT VERIFIED"),
        (
            "sendgrid",
            readiness.DOMAINS,
            answer(200, []),
            "SendGrid knows neither default@example.org nor its",
        ),
    ],
)
def test_a_sender_that_is_not_verified_ends_with_1(
    request: pytest.FixtureRequest, vendor: str, path: str, fault: Any, words: str
) -> None:
    request.getfixturevalue(vendor).paths[path] = fault
    status, said = check()
    assert (status, words in said, "NOT VERIFIED" in said) == (1, True, True)
    assert "2 of 2 providers would carry mail; senders in use that are not verified: 1." in said


def test_a_vendor_that_is_down_is_named(settings: Any) -> None:
    down = f"http://127.0.0.1:{closed_port()}"
    settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, "SENDGRID_BASE_URL": down}
    status, said = check()
    assert status == 1
    assert "2. sendgrid: WOULD NOT CARRY MAIL" in said
    assert "Look at this machine's network" in said


def test_no_key_is_printed(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    quoted = {"message": "test-access-key-id / test-secret-access-key"}
    ses.paths[readiness.SES_ACCOUNT] = answer(403, quoted, {"x-amzn-ErrorType": "InvalidSignature"})
    sendgrid.paths[readiness.SCOPES] = answer(401, {"errors": [{"message": "SG.test-sendgrid-key"}]})
    said = check()[1] + check("--json")[1]
    assert said.count("[hidden]") > 3
    assert "test-secret-access-key" not in said
    assert "test-access-key-id" not in said
    assert "SG.test-sendgrid-key" not in said


def test_the_last_success_the_last_failure_and_the_circuit_are_told() -> None:
    email = Email.objects.create(from_address="me@example.org")
    for fields in (
        {"outcome": "accepted"},
        {"outcome": "not_sent", "error": "unavailable", "detail": "no route"},
    ):
        Attempt.objects.create(email=email, provider="ses", epoch=1, **fields)
    circuits.take_out("ses", by="ann", reason="maintenance")
    said = check("ses")[1]
    assert "unavailable: no route" in said
    assert "success: 20" in said
    assert "circuit  out of service. maintenance" in said


def test_one_may_be_asked_alone(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    sendgrid.paths[readiness.SCOPES] = readiness.BAD_SENDGRID_KEY
    assert (check("ses")[0], check("sendgrid")[0]) == (0, 1)
    with pytest.raises(CommandError, match="There is no provider 'sess'"):
        check("sess")


def test_one_that_is_left_out_ends_with_1_and_says_what_to_set(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses", "mailgun")
    status, said = check()
    assert (status, "mailgun is left out: Set MAILGUN_API_KEY." in said) == (1, True)
    assert (check("ses")[0], check("mailgun")[0]) == (0, 1)


def test_nothing_configured_ends_with_2(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    settings.PROVIDER_SECRETS = {}
    status, said = check()
    assert (status, "No provider is configured" in said) == (2, True)


def test_progress_is_told_while_it_asks() -> None:
    progress = StringIO()
    call_command("check_providers", stdout=StringIO(), stderr=progress)
    assert progress.getvalue().splitlines() == ["Asking ses …", "Asking sendgrid …"]


def test_json_is_for_monitoring(sendgrid: fakes.FakeVendor) -> None:
    sendgrid.paths[readiness.CREDITS] = readiness.credits(used=200)
    status, said = check("--json")
    found = json.loads(said)
    assert (status, found["ready"], found["left_out"]) == (1, False, [])
    ses, sendgrid_told = found["providers"]
    assert (ses["name"], ses["ready"], ses["problems"]) == ("ses", True, [])
    assert ses["quota"] == {"limit": 50000.0, "used": 120, "per": "24 hours"}
    assert ses["senders"]["default@example.org"]["verified"] is True
    assert (sendgrid_told["ready"], len(sendgrid_told["problems"])) == (False, 1)
