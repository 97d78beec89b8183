"""Emails that their client does not wait for, or that have their time."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import Email
from delivery.queue.fairness import FairQueue
from delivery.workers import embedded
from tests import fakes
from tests.providers.fault_server import Fault

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
TOMORROW = timezone.now() + timedelta(days=1)


def post(api: fakes.Api, prefer: str = "respond-async", **fields: Any) -> Any:
    request = {
        "from_address": "me@example.org",
        "to_addresses": ["ann@example.org"],
        "subject": "Hi",
        **fields,
    }
    headers = {**api.headers, "Prefer": prefer}
    return api.client.post(
        fakes.V1 + "send-email/", request, content_type="application/json", headers=headers
    )


def scheduled(api: fakes.Api, **fields: Any) -> Email:
    response = api.send(**{"send_at": TOMORROW.isoformat(), **fields})
    assert (response.status_code, response.json()["status"]) == (202, "scheduled")
    return Email.objects.get(pk=response.json()["id"])


def do(api: fakes.Api, email: Email, verb: str) -> Any:
    return api.post(f"emails/{email.pk}/{verb}/", {})


def patch(api: fakes.Api, email: Email, **fields: Any) -> Any:
    url = f"{fakes.V1}emails/{email.pk}/"
    return api.client.patch(url, fields, content_type="application/json", headers=api.headers)


def work() -> None:
    embedded.hand_over(threading.Event(), FairQueue())


def test_who_does_not_wait_gets_202_and_a_place_to_look(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    response = post(api)

    assert (response.status_code, response.json()["status"], ses.received) == (202, "queued", [])
    assert response.json()["message"] == "The email is accepted and will be sent"
    assert response.headers["Preference-Applied"] == "respond-async"
    assert api.client.get(response.headers["Location"], headers=api.headers).json()["status"] == "queued"


def test_a_worker_sends_what_nobody_waited_for(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    email = Email.objects.get(pk=post(api).json()["id"])
    work()

    email.refresh_from_db()
    assert (email.status, email.provider, len(ses.received)) == ("sent", "ses", 1)


@pytest.mark.parametrize(
    "prefer", ["respond-async, wait=10", "wait=10, Respond-Async", 'respond-async; x="y"']
)
def test_the_preference_is_found_among_others(api: fakes.Api, prefer: str) -> None:
    assert post(api, prefer).status_code == 202


@pytest.mark.parametrize("prefer", ["", "wait=10", "no-respond-async", "handling=lenient"])
def test_other_preferences_change_nothing(api: fakes.Api, prefer: str) -> None:
    assert post(api, prefer).status_code == 200


def test_what_nobody_can_carry_is_refused_without_waiting_too(api: fakes.Api, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    file = {"filename": "setup.exe", "content": "TVo="}

    assert post(api, attachments=[file]).json()["code"] == "no_provider_can_carry"
    assert Email.objects.count() == 0


def test_a_scheduled_email_is_sent_at_its_time_and_not_before(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    email = scheduled(api)
    work()
    assert ses.received == []

    Email.objects.update(due_at=timezone.now())
    work()
    email.refresh_from_db()
    assert (email.status, len(ses.received)) == ("sent", 1)


def test_the_deadline_counts_from_the_time_of_sending(api: fakes.Api) -> None:
    email = scheduled(api, expires_in=3600)

    assert abs(email.expires_at - TOMORROW - timedelta(hours=1)) < timedelta(seconds=1)


def test_a_time_in_the_past_means_now(api: fakes.Api) -> None:
    assert api.send(send_at="2020-01-01T00:00:00Z").json()["status"] == "sent"


def test_a_time_is_understood_with_its_offset(api: fakes.Api) -> None:
    year = timezone.now().year + 1
    email = scheduled(api, send_at=f"{year}-01-01T01:00:00+01:00")

    assert email.due_at == datetime(year, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("send_at", "tomorrow", "invalid_value"),
        ("send_at", "2027-01-01T00:00:00", "invalid_value"),
        ("send_at", "2027-02-30T00:00:00Z", "invalid_value"),
        ("send_at", "2027-01-01", "invalid_value"),
        ("send_at", (timezone.now() + timedelta(days=366)).isoformat(), "invalid_value"),
        ("send_at", 1_800_000_000, "wrong_type"),
        ("expires_in", 59, "invalid_value"),
        ("expires_in", 5 * 86400 + 1, "invalid_value"),
        ("expires_in", -1, "invalid_value"),
        ("expires_in", "soon", "wrong_type"),
        ("expires_in", 99.5, "wrong_type"),
        ("expires_in", True, "wrong_type"),
        ("priority", "urgent", "invalid_choice"),
    ],
)
def test_a_time_that_cannot_be_is_refused(api: fakes.Api, field: str, value: Any, code: str) -> None:
    refused = api.send(**{field: value})

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["field"], error["code"]) == (400, field, code)
    assert Email.objects.count() == 0


def test_a_form_names_seconds_as_text(api: fakes.Api) -> None:
    sent = api.send_form(subject="Hi", expires_in="120", send_at=TOMORROW.isoformat(), priority="high")

    email = Email.objects.get(pk=sent.json()["id"])
    assert (email.status, email.priority) == ("scheduled", "high")


def test_what_is_waiting_can_be_cancelled(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    email = scheduled(api)
    cancelled = do(api, email, "cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert [recipient["status"] for recipient in cancelled.json()["recipients"]] == ["cancelled"]
    Email.objects.update(due_at=timezone.now())
    work()
    assert ses.received == []


def test_what_was_sent_cannot_be_cancelled(api: fakes.Api) -> None:
    sent = Email.objects.get(pk=api.send().json()["id"])
    refused = do(api, sent, "cancel")

    assert (refused.status_code, refused.json()["code"]) == (409, "too_late")
    sent.refresh_from_db()
    assert sent.status == "sent"


def test_what_is_cancelled_while_it_is_being_handed_over_is_too_late(
    api: fakes.Api, monkeypatch: Any
) -> None:
    from providers.ses.adapter import SES

    real, answers = SES.send, []

    def send(self: SES, message: Any, attempt_id: str) -> Any:
        answers.append(do(api, Email.objects.get(), "cancel"))
        return real(self, message, attempt_id)

    monkeypatch.setattr(SES, "send", send)
    assert (api.send().json()["status"], answers[0].status_code) == ("sent", 409)


def test_an_email_in_doubt_that_is_cancelled_stays_in_doubt_and_is_not_sent_again(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    ses.script(Fault(read="all", end="reset"))
    email = Email.objects.get(pk=api.send().json()["id"])
    cancelled = do(api, email, "cancel")

    assert (cancelled.json()["status"], cancelled.json()["due_at"]) == ("unknown", None)
    assert do(api, email, "cancel").status_code == 409


def test_a_scheduled_email_can_be_given_another_time(api: fakes.Api) -> None:
    email = scheduled(api, expires_in=3600)
    later = TOMORROW + timedelta(days=1)
    moved = patch(api, email, send_at=later.isoformat())

    email.refresh_from_db()
    assert (moved.status_code, email.due_at) == (200, later)
    assert abs(email.expires_at - later - timedelta(hours=1)) < timedelta(seconds=1)


def test_only_a_scheduled_email_can_be_given_another_time(api: fakes.Api) -> None:
    sent = Email.objects.get(pk=api.send().json()["id"])

    assert patch(api, sent, send_at=TOMORROW.isoformat()).json()["code"] == "too_late"
    assert patch(api, scheduled(api), subject="Else").json()["errors"][0]["code"] in {
        "unknown_field",
        "required",
    }


def test_what_is_finished_can_be_sent_once_more_with_all_that_belongs_to_it(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    file = {"filename": "a.pdf", "content": "JVBERi0=", "content_type": "application/pdf"}
    first = api.send(
        subject="Files", cc_addresses=["eve@example.org"], bcc_addresses=["bob@example.org"], attachments=[file],
        tags=["a"], metadata={"m": "1"}, headers={"X-A": "1"}, body="<p>Hi</p>",
    ).json()  # fmt: skip
    again = do(api, Email.objects.get(), "resend")

    assert (again.status_code, again.json()["status"]) == (202, "queued")
    work()
    old, new = (api.get(f"emails/{pk}/").json() for pk in (first["id"], again.json()["id"]))
    same = ("subject", "from_address", "html_body", "text_body", "headers", "tags", "metadata", "attachments")
    assert {name: old[name] for name in same} == {name: new[name] for name in same}
    assert [r["address"] for r in old["recipients"]] == [r["address"] for r in new["recipients"]]
    assert (new["resend_of"], new["status"], len(ses.received)) == (first["id"], "sent", 2)


def test_another_address_gets_it_alone(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    email = Email.objects.get(
        pk=api.send(cc_addresses="cc@example.org", bcc_addresses="bcc@example.org").json()["id"]
    )
    again = api.post(f"emails/{email.pk}/resend/", {"to_addresses": "Eve <eve@example.com>"})

    assert again.status_code == 202
    work()
    new = api.get(f"emails/{again.json()['id']}/").json()
    assert [(row["address"], row["status"]) for row in new["recipients"]] == [("eve@example.com", "accepted")]
    assert (new["resend_of"], ses.arrived()[-1].recipients) == (str(email.pk), {"eve@example.com"})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to_addresses": "eve@example.com, bob@example.com"}, 400, "too_many"),
        ({"to_addresses": "nobody"}, 403, "invalid_address"),
        ({"to_addresses": ""}, 403, "empty"),
        ({"to_addresses": None}, 403, "empty"),
        ({"to_addresses": []}, 403, "empty"),
        ({"to_adresses": "eve@example.com"}, 400, "unknown_field"),
    ],
)
def test_another_address_that_is_none_sends_nothing(
    api: fakes.Api, body: dict[str, Any], status: int, code: str
) -> None:
    email = Email.objects.get(pk=api.send().json()["id"])
    answer = api.post(f"emails/{email.pk}/resend/", body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code), answer.json()
    assert Email.objects.count() == 1


def test_who_may_not_send_with_priority_sends_nothing_again_with_it(api: fakes.Api) -> None:
    email = Email.objects.get(pk=api.send(priority="high").json()["id"])
    name = email.team.name if email.team else "tests"
    manager = fakes.Api(Client(), keys.issue(name, scopes=["emails.manage", "emails.send"])[1])

    refused = manager.post(f"emails/{email.pk}/resend/", {})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


def test_a_repeated_resend_is_answered_alike_when_the_content_has_gone(api: fakes.Api) -> None:
    email = Email.objects.get(pk=api.send().json()["id"])
    url, headers = f"{fakes.V1}emails/{email.pk}/resend/", {**api.headers, "Idempotency-Key": "again"}

    def resent() -> Any:
        return api.client.post(url, {}, content_type="application/json", headers=headers).json()

    first = resent()
    Email.objects.filter(pk=email.pk).update(text_body="", body_pruned_at=email.created_at)
    assert resent()["id"] == first["id"]
    assert do(api, email, "resend").json()["code"] == "content_gone"


def test_another_address_needs_the_scope_that_sends(api: fakes.Api) -> None:
    email = Email.objects.get(pk=api.send().json()["id"])
    team = email.team
    manager = fakes.Api(Client(), keys.issue(team.name if team else "tests", scopes=["emails.manage"])[1])

    refused = manager.post(f"emails/{email.pk}/resend/", {"to_addresses": "eve@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert do(manager, email, "resend").status_code == 202


def test_another_address_is_another_request_of_an_idempotency_key(api: fakes.Api) -> None:
    email = Email.objects.get(pk=api.send().json()["id"])
    url, headers = f"{fakes.V1}emails/{email.pk}/resend/", {**api.headers, "Idempotency-Key": "again"}
    told = [
        api.client.post(url, body, content_type="application/json", headers=headers).status_code
        for body in ({}, {"to_addresses": "eve@example.com"})
    ]
    assert told == [202, 422]


def test_what_is_not_finished_cannot_be_sent_once_more(api: fakes.Api) -> None:
    assert do(api, scheduled(api), "resend").json()["code"] == "too_late"


def test_sending_once_more_knows_idempotency_keys(api: fakes.Api) -> None:
    email = Email.objects.get(pk=api.send().json()["id"])
    url, headers = f"{fakes.V1}emails/{email.pk}/resend/", {**api.headers, "Idempotency-Key": "again"}
    ids = {
        api.client.post(url, {}, content_type="application/json", headers=headers).json()["id"] for _ in "ab"
    }

    assert (len(ids), Email.objects.count()) == (1, 2)


@pytest.mark.parametrize("verb", ["cancel", "resend"])
def test_the_emails_of_others_are_not_there(api: fakes.Api, verb: str) -> None:
    email = scheduled(api)
    other = fakes.Api(Client(), keys.issue("another shop", scopes=Scope.values)[1])
    reader = fakes.Api(Client(), keys.issue("tests", scopes=["read"])[1])

    assert do(other, email, verb).status_code == 404
    assert do(reader, email, verb).status_code == 403
    assert patch(other, email, send_at=TOMORROW.isoformat()).status_code == 404
    assert patch(reader, email, send_at=TOMORROW.isoformat()).status_code == 403
    email.refresh_from_db()
    assert email.status == "scheduled"


def test_a_key_sends_once_more_only_what_it_may_send(api: fakes.Api) -> None:
    email = Email.objects.get(pk=api.send().json()["id"])
    rules = {"scopes": Scope.values, "from_addresses": ["@other.example"]}
    restricted = fakes.Api(Client(), keys.issue("tests", **rules)[1])

    assert do(restricted, email, "resend").json()["code"] == "sender_not_allowed"
    assert Email.objects.count() == 1


@pytest.mark.parametrize("rules", [["other@example.org"], ["@example.net"], ["me@example.org.evil.example"]])
@pytest.mark.parametrize("change", ["cancel", "resend", "reschedule"])
def test_a_key_changes_only_what_it_could_have_sent(api: fakes.Api, rules: list[str], change: str) -> None:
    email = scheduled(api)
    if change == "resend":
        Email.objects.update(status="sent", due_at=None)
    before = Email.objects.values().get()
    _, token = keys.issue("tests", scopes=["send", "read"], from_addresses=rules)
    limited = fakes.Api(Client(), token)

    later = {"send_at": (TOMORROW + timedelta(hours=1)).isoformat()}
    answer = patch(limited, email, **later) if change == "reschedule" else do(limited, email, change)

    assert (answer.status_code, answer.json()["code"]) == (403, "sender_not_allowed")
    assert list(Email.objects.values()) == [before]


@pytest.mark.parametrize("rules", [[], ["me@example.org"], ["@example.org"]])
def test_a_key_of_its_sender_may_change_it(api: fakes.Api, rules: list[str]) -> None:
    email = scheduled(api)
    _, token = keys.issue("tests", scopes=["send", "read"], from_addresses=rules)
    limited = fakes.Api(Client(), token)

    later = patch(limited, email, send_at=(TOMORROW + timedelta(hours=1)).isoformat())
    assert (later.status_code, do(limited, email, "cancel").status_code) == (200, 200)
    assert do(limited, email, "resend").status_code == 202
