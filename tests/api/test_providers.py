"""providers/: how each provider stands, and nothing of another team's mail."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import Attempt, Circuit, Email, ProviderCheck, Team
from delivery.monitoring import provider_status
from delivery.routing import circuit_cache, circuits
from tests import fakes
from tests.readiness import BAD_SES_KEY, SES_ACCOUNT, make_ready

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
THEIRS = "secret.sender@rival.example"


@pytest.fixture
def other(db: None) -> fakes.Api:
    return fakes.Api(Client(), keys.issue("rival", scopes=["send", "read"])[1])


def ask(api: fakes.Api, **parameters: Any) -> Any:
    answer = api.get("providers/", **parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def first(api: fakes.Api, **parameters: Any) -> Any:
    return ask(api, **parameters)["providers"][0]


def attempt(team: str, sender: str = "me@example.org", **fields: Any) -> Attempt:
    email = Email.objects.create(team=Team.objects.get(name=team), from_address=sender)
    return Attempt.objects.create(email=email, provider="ses", epoch=1, **fields)


def test_the_providers_stand_in_their_order_with_what_they_carry(api: fakes.Api) -> None:
    ses, sendgrid = ask(api)["providers"]
    assert [(one["name"], one["type"], one["position"]) for one in (ses, sendgrid)] == [
        ("ses", "ses", 1),
        ("sendgrid", "sendgrid", 2),
    ]
    assert ses["circuit"] == {
        **dict.fromkeys(("since", "until", "paused_until")),
        **dict.fromkeys(("trouble", "reason", "changed_by"), ""),
        "state": "closed",
    }
    assert (ses["limits"]["max_recipients"], sendgrid["limits"]["empty_files"]) == (50, False)
    assert "exe" in ses["limits"]["blocked_extensions"]
    assert (ses["last_success_at"], ses["last_failure"], ses["check"]) == (None, None, None)


def test_one_without_credentials_is_named_with_the_reason(api: fakes.Api, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses", "mailgun")
    assert ask(api)["left_out"] == ["mailgun is left out: Set MAILGUN_API_KEY."]


def test_an_open_circuit_says_since_when_until_when_and_why(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    ses.default = fakes.SES_SUSPENDED
    api.send()
    circuit = first(api)["circuit"]
    assert (circuit["state"], circuit["trouble"]) == ("open", "account")
    assert circuit["reason"] == "Its account cannot send."
    assert circuit["since"] < circuit["until"]


def test_one_taken_out_says_by_whom(api: fakes.Api) -> None:
    circuits.take_out("ses", by="ann", reason="maintenance")
    circuit = first(api)["circuit"]
    assert (circuit["state"], circuit["changed_by"]) == ("out", "ann")


def test_the_last_success_and_the_last_failure_are_those_of_the_record(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    api.send()
    ses.default = fakes.SES_FAILING
    api.send()
    accepted, failed = Attempt.objects.filter(provider="ses").order_by("id")
    ses_now = first(api)
    assert ses_now["last_success_at"] == accepted.started_at.isoformat().replace("+00:00", "Z")
    assert ses_now["last_failure"]["error"] == failed.error
    assert ses_now["last_failure"]["detail"] == failed.detail != ""


def test_a_refused_message_is_no_failure_of_the_provider(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    ses.default = fakes.SES_BAD_MESSAGE
    api.send()
    assert first(api)["last_failure"] is None


def test_a_failure_that_a_person_settled_as_sent_is_a_success(api: fakes.Api) -> None:
    attempt("tests", outcome="accepted", error="unknown", settled_by="ann")
    assert (first(api)["last_failure"], first(api)["last_success_at"] is None) == (None, False)


def test_only_the_newest_attempts_are_looked_at(api: fakes.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_status, "_MOST_ATTEMPTS", 2)
    for outcome in ("accepted", "started", "started"):
        attempt("tests", outcome=outcome)
    assert first(api)["last_success_at"] is None


def test_what_it_said_of_itself_is_shown_with_your_own_senders(api: fakes.Api) -> None:
    ProviderCheck.objects.create(
        provider="ses",
        problems=["ses: sending is paused."],
        sandbox=False,
        quota={"limit": 200, "used": 50, "per": "day"},
        senders={
            "default@example.org": {"verified": True, "detail": "example.org is verified."},
            THEIRS: {"verified": False, "detail": f"{THEIRS} is not verified."},
        },
    )
    check = first(api)["check"]
    assert (check["ready"], check["problems"], check["sandbox"]) == (
        False,
        ["ses: sending is paused."],
        False,
    )
    assert check["quota"] == {"limit": 200, "used": 50, "per": "day"}
    assert check["senders"].keys() == {"default@example.org"}


def test_nobody_sees_an_address_of_another_team(api: fakes.Api, other: fakes.Api) -> None:
    said = f"Email address is not verified: {THEIRS}"
    attempt("rival", THEIRS, outcome="refused_temporarily", error="sender_refused", code=THEIRS, detail=said)
    ProviderCheck.objects.create(
        provider="ses",
        problems=[said, f"see identities/{THEIRS.replace('@', '%40')}?"],
        warnings=[f"<{THEIRS}> complained"],
        senders={THEIRS: {"verified": False, "detail": said}},
    )
    later = timezone.now() + timedelta(hours=1)
    for domain in ("", "rival.example"):
        row = {"state": "open", "trouble": "sender", "reason": said, "retry_at": later, "changed_by": THEIRS}
        Circuit.objects.create(provider="ses", sender_domain=domain, **row)
    circuit_cache.forget()
    for query in ({}, {"fresh": "true"}):
        mine, theirs = api.get("providers/", **query), other.get("providers/", **query)
        assert mine.status_code == theirs.status_code == 200
        assert b"rival" not in mine.content
        assert b"secret.sender" not in mine.content
        assert said in theirs.content.decode()


def test_the_reason_why_an_email_waits_quotes_nobody_elses_address(
    api: fakes.Api, other: fakes.Api, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    for vendor in (ses, sendgrid):
        words = {"message": f"suspended for {THEIRS}", "errors": [{"message": f"suspended for {THEIRS}"}]}
        vendor.default = fakes.answer(401, words, {"x-amzn-ErrorType": "AccountSuspendedException"})
    assert THEIRS in str(other.get(f"emails/{other.send().json()['id']}/").json())
    waiting = api.send()
    shown = api.get(f"emails/{waiting.json()['id']}/").json()
    tried = api.post("send-email/?dry_run=true", {"to_addresses": "ann@example.org"})
    assert (waiting.status_code, tried.status_code, shown["attempts"]) == (202, 200, [])
    assert "rival" not in str(shown) + str(waiting.json()) + str(tried.json())


def test_a_key_sees_the_senders_that_its_team_uses_or_may_use(other: fakes.Api) -> None:
    keys.issue("rival", scopes=["read"], from_addresses=["news@rival.example", "@shop.example"])
    used = ("default@example.org", "news@rival.example", "postmaster@shop.example", "ann@elsewhere.example")
    told = {address: {"verified": True, "detail": ""} for address in used}
    ProviderCheck.objects.create(provider="ses", senders=told)
    assert first(other)["check"]["senders"].keys() == set(used[:3])


def test_domains_whose_senders_are_refused_are_listed_for_those_who_use_them(api: fakes.Api) -> None:
    attempt("tests", "me@shop.example")
    now = timezone.now()
    senders = [("shop.example", 1), ("rival.example", 1), ("example.org", -1), ("me@shop.example", 1)]
    for domain, left in (*senders, ("other@shop.example", 1)):
        Circuit.objects.create(
            provider="ses", sender_domain=domain, state="open", trouble="sender",
            retry_at=now + timedelta(minutes=left),
        )  # fmt: skip
    shown = [(one["sender_domain"], one["sender_address"]) for one in first(api)["senders_refused"]]
    assert shown == [("shop.example", "me@shop.example"), ("shop.example", "")]


def test_without_fresh_nobody_is_asked(
    api: fakes.Api, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ask(api)
    ask(api, fresh="false")
    assert (ses.connections, sendgrid.connections) == (0, 0)


def test_with_fresh_the_providers_are_asked_and_their_answer_is_shown(
    api: fakes.Api, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    make_ready(ses, sendgrid)
    found = ask(api, fresh="true")["providers"]
    assert [one["check"]["ready"] for one in found] == [True, True]
    assert found[0]["check"]["senders"]["default@example.org"]["verified"] is True


def test_they_are_asked_once_in_ten_seconds_whoever_wants_it(
    api: fakes.Api, other: fakes.Api, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    make_ready(ses, sendgrid)
    ask(api, fresh="true")
    with fakes.counted(ses, 0), fakes.counted(sendgrid, 0):
        ask(api, fresh="true")
        ask(other, fresh="true")
    ses.paths[SES_ACCOUNT] = BAD_SES_KEY
    ProviderCheck.objects.update(asked_at=timezone.now() - timedelta(seconds=11))
    assert first(api, fresh="true")["check"]["ready"] is False


def test_a_key_that_may_only_read_may_not_have_them_asked(ses: fakes.FakeVendor) -> None:
    reader = fakes.Api(Client(), keys.issue("reader", scopes=["read"])[1])
    answer = reader.get("providers/", fresh="true")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (reader.get("providers/").status_code, ses.connections) == (200, 0)


def test_a_key_that_may_only_send_sees_nothing() -> None:
    sender = fakes.Api(Client(), keys.issue("sender", scopes=[Scope.EMAILS_SEND])[1])
    assert sender.get("providers/").status_code == 403
    assert fakes.Api(Client(), "").get("providers/").status_code == 401


@pytest.mark.parametrize("query", [{"fresh": "yes"}, {"fresh": ""}, {"refresh": "true"}, {"provider": "ses"}])
def test_a_strange_parameter_is_refused(api: fakes.Api, query: dict[str, str]) -> None:
    answer = api.get("providers/", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_long_log_costs_no_more_questions(api: fakes.Api) -> None:
    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask(api)
        return len(queries)

    before = questions()
    for _ in range(30):
        attempt("tests", outcome="accepted")
    assert questions() <= before + 1


def test_no_secret_of_the_configuration_is_shown(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    ses.default = fakes.answer(403, {"message": "test-secret-access-key SG.test-sendgrid-key is bad"})
    api.send()
    shown = api.get("providers/", fresh="true").content
    assert b"test-secret-access-key" not in shown
