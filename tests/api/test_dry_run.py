"""send-email/?dry_run=true: what would become of an email, and nothing becomes of it."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.models import Attempt, Circuit, CircuitChange, Email, Team
from delivery.routing import circuit_cache, circuits
from tests import fakes
from tests.api.wire import File, Service, as_form, as_json

pytestmark = pytest.mark.django_db
BASE = {
    "from_address": "Me <me@example.org>",
    "to_addresses": "ann@example.org",
    "subject": "Hello",
    "body": "Hi",
}
MANY = [f"r{number}@example.org" for number in range(60)]  # too many for SES
EMPTY = [{"filename": "stderr.log", "content": ""}]  # too little for SendGrid
FORMATS = pytest.mark.parametrize("formatted", [as_json, as_form], ids=["json", "form"])


def post(service: Service, query: str = "?dry_run=true", formatted: Any = as_json, **fields: Any) -> Any:
    return service.post(*formatted({**BASE, **fields}), fakes.V1 + "send-email/" + query)


def offers(service: Service, **fields: Any) -> list[Any]:
    answer = post(service, **fields)
    assert answer.status_code == 200, answer.content
    told = answer.json()["providers"]
    return [(one["name"], one["offered"], one["position"], one["reason"]) for one in told]


def circuit(**fields: Any) -> Circuit:
    made = Circuit.objects.create(provider="ses", **fields)
    circuit_cache.forget()
    return made


def in_a_minute() -> Any:
    return timezone.now() + timedelta(minutes=1)


@FORMATS
@pytest.mark.parametrize("path", ["send-email/", "send-mail/"])
def test_nothing_is_sent_and_nothing_is_stored(service: Service, formatted: Any, path: str) -> None:
    fields = {**BASE, "attachments": [File(filename="a.pdf")], "tags": ["spring"]}
    answer = service.post(*formatted(fields), fakes.V1 + path + "?dry_run=true")
    assert (answer.status_code, answer.json()["success"], answer.json()["dry_run"]) == (200, True, True)
    assert service.stored() == (0, 0, 0, 0)
    assert (service.ses.connections, service.sendgrid.connections) == (0, 0)
    assert not Circuit.objects.exists()


@FORMATS
def test_the_email_is_shown_as_it_would_be_handed_over(service: Service, formatted: Any) -> None:
    email = post(
        service,
        formatted=formatted,
        to_addresses='["Ann <ann@example.org>", "bob@example.org"]' if formatted is as_form else
        ["Ann <ann@example.org>", "bob@example.org"],
        cc_addresses="ANN@example.org carl@example.org",
        bcc_addresses="bob@example.org",
        body="<p>Hi <b>there</b></p>",
        headers={"X-Order": "5"},
        attachments=[File(filename="a.txt", content=b"12345", more={"content_type": "text/plain"})],
    ).json()["email"]  # fmt: skip
    assert (email["from_name"], email["from_address"]) == ("Me", "me@example.org")
    assert email["recipients"] == {
        "to": [{"name": "Ann", "address": "ann@example.org"}, {"name": "", "address": "bob@example.org"}],
        "cc": [{"name": "", "address": "carl@example.org"}],
        "bcc": [],
    }
    assert (email["subject"], email["html_body"]) == ("Hello", "<p>Hi <b>there</b></p>")
    assert email["text_body"].strip() == "Hi there"
    assert email["headers"] == {"X-Order": "5"}
    (file,) = email["attachments"]
    assert (file["filename"], file["content_type"], file["size"]) == ("a.txt", "text/plain", 5)


def test_the_providers_stand_in_the_order_in_which_they_would_be_asked(service: Service) -> None:
    assert offers(service) == [("ses", True, 1, ""), ("sendgrid", True, 2, "")]


def test_one_that_cannot_carry_the_email_says_why_and_the_next_one_is_first(service: Service) -> None:
    many = [f"r{number}@example.org" for number in range(60)]
    assert offers(service, to_addresses=many) == [
        ("ses", False, None, "ses takes 50 recipients, not 60"),
        ("sendgrid", True, 1, ""),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"state": "open", "trouble": "account", "reason": "bob@x.org"}, "its account cannot send."),
        ({"state": "open", "trouble": "failing"}, "it fails or is slow."),
        ({"state": "probing", "trouble": "failing"}, "is being tried with another email."),
        ({"state": "out", "changed_by": "ann", "retry_at": None}, "ses was taken out of service."),
    ],
)
def test_one_that_is_not_used_now_says_why(service: Service, fields: Any, reason: str) -> None:
    circuit(**{"retry_at": in_a_minute(), **fields})
    (ses, sendgrid) = offers(service)
    assert ses[:3] == ("ses", False, None)
    assert ses[3].endswith(reason)
    assert "@" not in ses[3]
    assert sendgrid == ("sendgrid", True, 1, "")


@pytest.mark.parametrize("refused", ["me@example.org", "example.org"])
@pytest.mark.parametrize("whose", ["own", "another"])
def test_a_refusal_of_a_sender_is_told_to_those_who_met_it_alone(
    service: Service, refused: str, whose: str
) -> None:
    (mine,) = Team.objects.all()
    team = mine if whose == "own" else Team.objects.create(name="rival")
    email = Email.objects.create(team=team, from_address="me@example.org")
    Attempt.objects.create(
        email=email, provider="ses", epoch=1, outcome="refused_temporarily", error="sender_refused"
    )
    circuit(sender_domain=refused, state="open", trouble="sender", retry_at=in_a_minute())

    ses, sendgrid = offers(service)
    if whose == "own":
        assert (ses[:3], sendgrid[2]) == (("ses", False, None), 1)
        assert ses[3].endswith("it does not take this sender.")
    else:
        assert (ses, sendgrid[2]) == (("ses", True, 1, ""), 2)


def test_one_that_wants_a_pause_says_until_when(service: Service) -> None:
    circuit(paused_until=in_a_minute())
    assert offers(service)[0][1] is False
    assert offers(service)[0][3].startswith("ses asked for a pause until ")


def test_one_that_is_due_for_a_trial_would_be_tried_and_is_not(service: Service) -> None:
    before = circuit(state="open", trouble="failing", retry_at=timezone.now() - timedelta(seconds=1))
    reason = "ses would be tried with this email, unless another one tries it first."
    assert offers(service)[0] == ("ses", True, 1, reason)
    after = Circuit.objects.get()
    assert (after.state, after.retry_at) == (before.state, before.retry_at)
    assert not CircuitChange.objects.exists()


@pytest.mark.parametrize("dice", [0.0, 1.0])
def test_one_that_has_just_come_back_is_told_without_dice(
    service: Service, monkeypatch: pytest.MonkeyPatch, dice: float
) -> None:
    monkeypatch.setattr(random, "random", lambda: dice)
    circuit(openings=1)
    reason = "ses has just come back and gets a part of the emails; the next one gets the others."
    assert offers(service)[0] == ("ses", True, 1, reason)


def test_while_none_may_be_used_the_email_would_be_kept(service: Service) -> None:
    for name in ("ses", "sendgrid"):
        circuits.take_out(name, by="ann")
    answer = post(service)
    assert (answer.status_code, [one["offered"] for one in answer.json()["providers"]]) == (
        200,
        [False, False],
    )
    assert answer.json()["message"].startswith("No provider could be offered the email now; it would be kept")
    assert Email.objects.count() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"to_addresses": ""},
        {"to_addresses": "nobody"},
        {"subject": "a\nb"},
        {"staus": "x"},
        {"to_addresses": MANY, "attachments": EMPTY},
    ],
)
def test_what_would_be_refused_is_refused_alike(service: Service, fields: Any) -> None:
    tried, sent = post(service, **fields), post(service, "", **fields)
    assert tried.status_code in {400, 403}
    assert (tried.status_code, tried.json()) == (sent.status_code, sent.json())


def test_an_email_that_no_provider_carries_is_refused_with_the_reasons(service: Service) -> None:
    answer = post(service, to_addresses=MANY, attachments=EMPTY)
    assert (answer.status_code, answer.json()["code"]) == (400, "no_provider_can_carry")
    assert "ses takes 50 recipients" in answer.json()["message"]
    assert "sendgrid does not take an empty file: stderr.log" in answer.json()["message"]


def test_what_is_fitted_to_a_provider_is_told(service: Service) -> None:
    fields = {
        "subject": "",
        "tags": ["spring"],
        "metadata": {
            **{f"field_{number}": "Щ" * 255 for number in range(18)},
            "last": "Щ" * 255,
            "order": "42",
        },
        "attachments": [{"filename": "a.csv", "content": "YQ==", "content_type": "text/csv; charset=utf-8"}],
    }
    names = ", ".join(sorted(f"field_{number}" for number in range(18)))
    told = {one["name"]: one["fitted"] for one in post(service, **fields).json()["providers"]}
    assert told == {
        "ses": ["ses does not get the tags spring", f"ses does not get the metadata {names}, last"],
        "sendgrid": [
            "sendgrid gets a blank for the empty subject",
            "sendgrid gets the types of the files without their parameters",
            "sendgrid does not get the metadata last",
        ],
    }


def test_one_that_cannot_carry_an_email_is_fitted_nothing(service: Service) -> None:
    told = post(service, to_addresses=MANY, tags=["spring"]).json()["providers"]
    assert [one["fitted"] for one in told] == [[], []]


def test_a_sender_that_the_key_may_not_use_is_refused(service: Service) -> None:
    _, token = keys.issue("other", scopes=["send"], from_addresses=["@shop.example"])
    api = fakes.Api(Client(), token)
    answer = api.post("send-email/?dry_run=true", BASE)
    assert (answer.status_code, answer.json()["code"]) == (403, "sender_not_allowed")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("dry_run=1", "dry_run", "invalid_choice"),
        ("dry_run=", "dry_run", "invalid_choice"),
        ("dry_run=True", "dry_run", "invalid_choice"),
        ("dryrun=true", "dryrun", "unknown_field"),
        ("dry_run=true&dry_run=false", "dry_run", "duplicate_field"),
    ],
)
def test_a_dry_run_that_is_misspelt_sends_nothing(
    service: Service, query: str, field: str, code: str
) -> None:
    answer = post(service, f"?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert (service.stored(), service.received()) == ((0, 0, 0, 0), (0, 0))


def test_no_dry_run_sends(service: Service) -> None:
    assert post(service, "?dry_run=false").json()["status"] == "sent"
    assert Email.objects.count() == 1
