"""What an email is for, and what one can unsubscribe from by it."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from delivery.access import keys
from delivery.db import clock
from delivery.models import Email
from delivery.sending import rounds
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers", "links")]


def kept(answer: Any) -> tuple[str, str]:
    assert answer.status_code in (200, 202), answer.json()
    email = Email.objects.get(pk=answer.json()["id"])
    return email.purpose, email.unsubscribe


def error(answer: Any) -> tuple[int, str, list[tuple[str, str]]]:
    told = answer.json()
    return answer.status_code, told["code"], [(row["field"], row["code"]) for row in told["errors"]]


def suppress(address: str, kind: str = "hard_bounce") -> None:
    given = {"team_id": None, "source": "ses", "at": clock.now(), "reason": "No such user"}
    entries.add([Finding(address=address, kind=kind, **given)])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("transactional", "")),
        ({"purpose": "marketing"}, ("marketing", "")),
        ({"unsubscribe": True}, ("marketing", "marketing")),
        ({"unsubscribe": "true", "purpose": "transactional"}, ("marketing", "marketing")),
        ({"unsubscribe": "news"}, ("marketing", "list:news")),
        ({"unsubscribe": "news", "purpose": "transactional"}, ("transactional", "list:news")),
        ({"unsubscribe": False}, ("transactional", "")),
        ({"unsubscribe": ""}, ("transactional", "")),
    ],
)
@pytest.mark.parametrize("way", ["json", "form", "batch"])
def test_purpose_and_unsubscribe_are_kept(
    api: fakes.Api, way: str, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    if way == "batch":
        entry = {"from_address": "me@example.org", "to_addresses": "ann@example.org", **fields}
        assert api.post("batches/", {"emails": [entry]}).json()["accepted"] == 1
        email = Email.objects.get()
        assert (email.purpose, email.unsubscribe) == expected
    else:
        asked = fields if way == "json" else {name: str(value).lower() for name, value in fields.items()}
        assert kept((api.send if way == "json" else api.send_form)(**asked)) == expected


def test_they_are_shown_with_the_email(api: fakes.Api) -> None:
    sent = api.send(unsubscribe="news").json()
    shown = api.get(f"emails/{sent['id']}/").json()
    assert (shown["purpose"], shown["unsubscribe"]) == ("marketing", "list:news")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"purpose": "fun"}, (400, "invalid", [("purpose", "invalid_choice")])),
        ({"unsubscribe": 5}, (400, "invalid", [("unsubscribe", "wrong_type")])),
        ({"unsubscribe": ["a"]}, (400, "invalid", [("unsubscribe", "wrong_type")])),
        ({"unsubscribe": "  "}, (400, "invalid", [("unsubscribe", "empty")])),
        ({"unsubscribe": "x" * 101}, (400, "invalid", [("unsubscribe", "too_long")])),
        ({"unsubscribe": "a\nb"}, (400, "invalid", [("unsubscribe", "control_character")])),
        ({"unsubscribe": True, "purpose": "essential"}, (400, "invalid", [("purpose", "invalid_value")])),
        (
            {"unsubscribe": True, "headers": {"list-unsubscribe": "<https://x.example/>"}},
            (400, "invalid", [("headers", "invalid_header")]),
        ),
        (
            {"unsubscribe": True, "to_addresses": ["a@example.org", "b@example.org"]},
            (422, "one_recipient_only", []),
        ),
        ({"unsubscribe": True, "bcc_addresses": "b@example.org"}, (422, "one_recipient_only", [])),
    ],
)
def test_what_makes_no_sense_is_refused(api: fakes.Api, fields: dict[str, Any], expected: Any) -> None:
    assert error(api.send(**fields)) == expected
    assert not Email.objects.exists()


def test_one_recipient_named_twice_is_one(api: fakes.Api) -> None:
    answer = api.send(unsubscribe=True, to_addresses=["a@example.org"], cc_addresses=["A@example.org"])
    assert answer.status_code == 200


def test_essential_mail_needs_a_scope_of_its_own() -> None:
    usual, all_scopes = (
        fakes.Api(Client(), keys.issue("shop", scopes=scopes)[1])
        for scopes in (keys.USUAL_SCOPES, [*keys.USUAL_SCOPES, "essential.send"])
    )
    assert error(usual.send(purpose="essential")) == (403, "scope_missing", [])
    assert kept(all_scopes.send(purpose="essential")) == ("essential", "")

    email = Email.objects.get()
    assert usual.post(f"emails/{email.pk}/resend/", {}).status_code == 403
    assert all_scopes.post(f"emails/{email.pk}/resend/", {}).status_code == 202


def test_essential_mail_needs_no_scope_where_no_key_is_needed(settings: Any) -> None:
    settings.API_KEY_REQUIRED = False
    assert fakes.Api(Client(), "").send(purpose="essential").status_code == 200


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_who_may_not_be_written_to_is_said_and_nothing_is_stored(
    api: fakes.Api, ses: fakes.FakeVendor, prefer: str
) -> None:
    suppress("ann@example.org")
    request = {"from_address": "me@example.org", "to_addresses": "Ann@example.org"}
    answer = api.client.post(
        fakes.V1 + "send-email/",
        request,
        content_type="application/json",
        headers={**api.headers, "Prefer": prefer},
    )
    assert error(answer) == (403, "all_suppressed", [])
    assert "ann@example.org: hard_bounce" in answer.json()["message"].lower()
    assert (Email.objects.count(), ses.received) == (0, [])


def test_who_was_left_out_is_said_to_the_client_that_waits(api: fakes.Api) -> None:
    suppress("bob@example.org")
    both = api.send(to_addresses=["ann@example.org", "Bob <bob@example.org>"]).json()
    assert (both["status"], both["suppressed"]) == ("sent", ["bob@example.org"])
    assert both["message"] == "Email sent to recipients, without those that are suppressed"
    one = api.send().json()
    assert (one["message"], "suppressed" in one) == ("Email sent to recipients", False)


def test_the_short_form_says_it_in_its_own_way(api: fakes.Api) -> None:
    suppress("ann@example.org")
    values = {"to": "ann@example.org", "to_name": "Ann", "from": "me@example.org", "from_name": "Me"}
    answer = api.client.post(
        "/email",
        {**values, "subject": "Hi", "body": "x"},
        content_type="application/json",
        headers=api.headers,
    )
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("all_suppressed: ann@example.org")


def test_a_dry_run_names_who_would_be_left_out(api: fakes.Api) -> None:
    suppress("bob@example.org")
    answer = api.post(
        "send-email/?dry_run=true",
        {"from_address": "me@example.org", "to_addresses": ["ann@example.org", "bob@example.org"]},
    ).json()
    assert [row["address"] for row in answer["email"]["suppressed"]] == ["bob@example.org"]


def test_a_batch_says_it_of_each_email(api: fakes.Api) -> None:
    suppress("bob@example.org")
    entry = {"from_address": "me@example.org"}
    rows = api.post(
        "batches/",
        {"emails": [{**entry, "to_addresses": f"{name}@example.org"} for name in ("ann", "bob")]},
    ).json()["results"]
    assert [row.get("code") for row in rows] == [None, "all_suppressed"]


def test_a_repeated_request_hears_what_became_of_the_first(api: fakes.Api) -> None:
    def post() -> Any:
        headers = {**api.headers, "Idempotency-Key": "1", "Prefer": "respond-async"}
        request = {"from_address": "me@example.org", "to_addresses": "ann@example.org"}
        return api.client.post(
            fakes.V1 + "send-email/", request, content_type="application/json", headers=headers
        )

    first = post()
    suppress("ann@example.org")
    rounds.dispatch(UUID(first.json()["id"]))
    again = post()
    assert (again.status_code, again.json()["code"], again.json()["status"]) == (
        403,
        "all_suppressed",
        "failed",
    )
