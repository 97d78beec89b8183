"""All that is over and matches is sent again with one request: counted before, confirmed, and each once."""

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import AuditEntry, Email, IdempotencyKey, Limits, Recipient, Team
from delivery.submission import changes, resending
from tests import fakes
from tests.delivery.factories import queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def over(status: str = "failed", **fields: Any) -> Email:
    return queued(team=Team.objects.get(), status=status, due_at=None, **fields)


def resend(api: fakes.Api, *, headers: dict[str, str] | None = None, wanted: Any = None, **given: Any) -> Any:
    body = {"filter": {"status": "failed"} if wanted is None else wanted, **given}
    return api.client.post(
        f"{fakes.V1}emails/resend/",
        body,
        content_type="application/json",
        headers=api.headers | (headers or {}),
    )


def again() -> int:
    return Email.objects.exclude(resend_of=None).count()


def test_a_dry_run_tells_how_many_shows_some_and_sends_none(api: fakes.Api) -> None:
    first, second = over(), over("sent")
    over("cancelled")
    told = resend(api, wanted={"status": ["failed", "sent"]}, dry_run=True)

    assert told.status_code == 200
    told = told.json()
    assert (told["count"], told["more"], told["possible_duplicates"], told["dry_run"]) == (2, False, 1, True)
    assert "1 of them" in told["warning"]
    assert [(one["id"], one["status"]) for one in told["sample"]] == [
        (str(first.pk), "failed"),
        (str(second.pk), "sent"),
    ]
    assert told["sample"][0]["recipients"][0]["address"] == "bob@example.org"
    assert again() == 0


def test_what_nobody_has_got_has_no_warning(api: fakes.Api) -> None:
    over()
    told = resend(api, dry_run=True).json()
    assert (told["possible_duplicates"], "warning" in told) == (0, False)


def test_what_is_confirmed_is_sent_again_each_as_a_new_email(api: fakes.Api) -> None:
    olds = [over("sent"), over("unknown")]
    over("failed")
    told = resend(api, wanted={"status": ["sent", "unknown"]}, count=2)

    assert told.status_code == 202, told.content
    told = told.json()
    assert (told["accepted"], told["refused"], told["left"], told["possible_duplicates"]) == (2, 0, 0, 2)
    assert "2 of them" in told["warning"]
    assert [one["resend_of"] for one in told["results"]] == [str(old.pk) for old in olds]
    assert {one["possible_duplicate"] for one in told["results"]} == {True}
    new = Email.objects.get(pk=told["results"][0]["id"])
    assert (new.resend_of, new.status, new.key) == (olds[0].pk, "queued", keys.find(api.token))


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_than_was_confirmed_sends_none(api: fakes.Api, count: int) -> None:
    over(), over()
    told = resend(api, count=count)
    assert (told.status_code, told.json()["code"], again()) == (409, "other_number", 0)
    assert "2 emails" in told.json()["message"]


def test_nothing_is_sent_again_twice(api: fakes.Api) -> None:
    over()
    assert resend(api, count=1).status_code == 202
    assert resend(api, dry_run=True).json()["count"] == 0
    assert (resend(api, count=1).json()["code"], again()) == ("other_number", 1)


def test_a_repeated_request_is_answered_with_the_same_emails(api: fakes.Api) -> None:
    over(), over()
    first, second = (resend(api, headers={"Idempotency-Key": "mine"}, count=2) for _ in range(2))
    assert (first.status_code, again()) == (202, 2)
    assert second.json() == first.json()
    other = resend(api, headers={"Idempotency-Key": "mine"}, wanted={"status": "sent"}, count=2)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_what_an_earlier_request_did_not_come_to_is_left(api: fakes.Api, monkeypatch: Any) -> None:
    over(), over()
    slow = iter([0.0, 0.0])
    monkeypatch.setattr(resending, "time", SimpleNamespace(monotonic=lambda: next(slow, 60.0)))
    told = [resend(api, headers={"Idempotency-Key": "mine"}, count=2).json() for _ in range(2)]
    assert [(one["accepted"], one["left"]) for one in told] == [(1, 1)] * 2
    assert again() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": {}, "dry_run": True},
        {"filter": {"tag": "spring"}, "dry_run": True},
        {"filter": {"status": ""}, "dry_run": True},
        {"filter": {"status": []}, "dry_run": True},
        {"filter": {"status": "queued"}, "dry_run": True},
        {"filter": {"status": ["failed", 5]}, "dry_run": True},
        {"filter": {"status": [[]]}, "dry_run": True},
        {"filter": {"status": "failed", "tag": ""}, "dry_run": True},
        {"filter": {"status": "failed", "tags": "a"}, "dry_run": True},
        {"filter": {"status": "failed"}},
        {"filter": {"status": "failed"}, "dry_run": ""},
        {"filter": {"status": "failed"}, "count": ""},
        {"filter": {"status": "failed"}, "count": "1"},
        {"filter": {"status": "failed"}, "count": True},
        {"filter": {"status": "failed"}, "count": 0},
        {"filter": {"status": "failed"}, "count": 501},
    ],
    ids=str,
)
def test_what_is_not_understood_or_not_confirmed_is_refused(api: fakes.Api, body: Any) -> None:
    over()
    assert (api.post("emails/resend/", body).status_code, again()) == (400, 0)


@pytest.mark.parametrize(
    "narrower",
    [{"recipient": "bob@example.org"}, {"sender": "Shop@Example.org"}, {"sender": "@shop.example"}],
    ids=str,
)
def test_all_that_is_given_must_match(api: fakes.Api, narrower: dict[str, str]) -> None:
    sender = "me@shop.example" if narrower.get("sender") == "@shop.example" else "shop@example.org"
    wanted = over(from_address=sender)
    other = over(from_address="me@example.org")
    Recipient.objects.filter(email=other).update(canonical="eve@example.org")
    found = resend(api, wanted={"status": "failed", **narrower}, dry_run=True).json()["sample"]
    assert [one["id"] for one in found] == [str(wanted.pk)]


def test_of_more_than_fit_the_oldest_are_meant(api: fakes.Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(resending, "MOST", 2)
    olds = [over(), over(), over()]
    told = resend(api, dry_run=True).json()
    assert (told["count"], told["more"]) == (2, True)
    assert resend(api, count=2).json()["accepted"] == 2
    assert set(Email.objects.exclude(resend_of=None).values_list("resend_of", flat=True)) == {
        old.pk for old in olds[:2]
    }


def test_a_key_sends_nothing_again_that_it_could_not_send(api: fakes.Api) -> None:
    over(purpose="essential"), over(priority="high"), over(from_address="other@example.org")
    mine = over(from_address="shop@example.org")
    token = keys.issue("tests", scopes=["emails.manage"], from_addresses=["shop@example.org"])[1]
    narrow = fakes.Api(Client(), token)
    found = resend(narrow, dry_run=True).json()["sample"]
    assert [one["id"] for one in found] == [str(mine.pk)]
    assert resend(narrow, count=1).json()["accepted"] == 1


def test_a_key_that_only_sends_sends_nothing_again(api: fakes.Api) -> None:
    sender = fakes.Api(Client(), keys.issue("tests", scopes=[Scope.EMAILS_SEND])[1])
    over()
    assert (resend(sender, count=1).json()["code"], again()) == ("scope_missing", 0)


def test_limits_hold_for_each_and_what_is_over_costs_nothing(api: fakes.Api) -> None:
    over(), over(), over()
    Limits.objects.update_or_create(team=Team.objects.get(), key=None, defaults={"waiting": 2})
    told = resend(api, count=3).json()
    assert (told["accepted"], told["refused"]) == (2, 1)
    assert told["results"][2]["code"] == "waiting_quota_exceeded"
    rest = resend(api, count=1)
    assert (rest.status_code, rest.json()["code"], again()) == (429, "waiting_quota_exceeded", 2)
    assert rest.headers["Retry-After"]


def test_one_entry_of_the_audit_says_what_was_asked_for(api: fakes.Api) -> None:
    over(), over()
    resend(api, dry_run=True)
    assert not AuditEntry.objects.filter(action="emails.resent").exists()
    resend(api, count=2)
    entry = AuditEntry.objects.get(action="emails.resent")
    assert entry.after == {"filter": {"status": ["failed"]}, "count": 2}
    assert (entry.team, entry.actor_kind) == (Team.objects.get(), "key")


def test_what_cannot_be_sent_again_is_told_and_the_others_are_sent(api: fakes.Api) -> None:
    gone = over()
    Email.objects.filter(pk=gone.pk).update(body_pruned_at=gone.created_at)
    over()
    told = resend(api, count=2).json()
    assert [one.get("code", "") for one in told["results"]] == ["content_gone", ""]
    assert AuditEntry.objects.filter(action="emails.resent").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_send_each_once(api: fakes.Api, monkeypatch: Any) -> None:
    for _ in range(4):
        over()
    monkeypatch.setattr(changes.emails, "accept", together(changes.emails.accept))
    answers: list[Any] = []

    def order() -> None:
        answers.append(resend(fakes.Api(Client(), api.token), count=4))
        connection.close()

    threads = [threading.Thread(target=order) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (again(), sum(one.json()["accepted"] for one in answers)) == (4, 4)


@pytest.mark.django_db(transaction=True)
def test_the_same_request_at_the_same_time_is_told_to_come_again(api: fakes.Api, monkeypatch: Any) -> None:
    over(), over()
    begun, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(changes.emails, "accept", waiting(changes.emails.accept, begun, goes_on))
    answers: list[Any] = []

    def order() -> None:
        answers.append(resend(fakes.Api(Client(), api.token), headers={"Idempotency-Key": "mine"}, count=2))
        connection.close()

    first = threading.Thread(target=order)
    first.start()
    assert begun.wait(20)
    second = resend(api, headers={"Idempotency-Key": "mine"}, count=2)
    goes_on.set()
    first.join()
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_in_use")
    assert second.headers["Retry-After"]
    again_asked = resend(api, headers={"Idempotency-Key": "mine"}, count=2)
    assert (again_asked.json(), again()) == (answers[0].json(), 2)


def waiting(
    accept: Callable[..., Email], begun: threading.Event, goes_on: threading.Event
) -> Callable[..., Email]:
    def inner(*args: Any, **given: Any) -> Email:
        begun.set()
        goes_on.wait(timeout=20)
        return accept(*args, **given)

    return inner


def test_an_order_that_sent_nothing_has_not_used_its_key(api: fakes.Api) -> None:
    over()
    Limits.objects.update_or_create(team=Team.objects.get(), key=None, defaults={"waiting": 1})
    waits = queued(team=Team.objects.get())
    key = {"Idempotency-Key": "mine"}
    assert resend(api, headers=key, count=1).status_code == 429
    waits.delete()
    assert (resend(api, headers=key, count=1).status_code, again()) == (202, 1)


def test_the_key_of_an_order_is_that_of_no_other_request(api: fakes.Api) -> None:
    over()
    assert resend(api, headers={"Idempotency-Key": "mine"}, count=1).status_code == 202
    fields = {"to_addresses": "ann@example.org", "from_address": "me@example.org"}
    headers = api.headers | {"Idempotency-Key": "mine"}
    path = f"{fakes.V1}send-email/"
    other = api.client.post(path, fields, content_type="application/json", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_process_that_died_at_it_keeps_the_key_from_nobody(api: fakes.Api) -> None:
    old, key = over(), {"Idempotency-Key": "mine"}
    assert resend(api, headers=key, count=1).status_code == 202
    Email.objects.filter(resend_of=old.pk).delete()  # with its own use of the key
    IdempotencyKey.objects.update(waited=True)
    assert resend(api, headers=key, count=1).json()["code"] == "idempotency_key_in_use"
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert (resend(api, headers=key, count=1).status_code, again()) == (202, 1)


def together(accept: Callable[..., Email]) -> Callable[..., Email]:
    """Let both threads come to the same email before either stores its new one."""
    meet = threading.Barrier(2)

    def both(*args: Any, **given: Any) -> Email:
        meet.wait(timeout=20)
        return accept(*args, **given)

    return both


@pytest.mark.parametrize(
    ("status", "to", "expected"),
    [
        ("sent", {}, 1),
        ("unknown", {}, 1),
        ("failed", {}, 0),
        ("sent", {"to_addresses": "Bob@example.org"}, 1),
        ("sent", {"to_addresses": "eve@example.org"}, 0),
    ],
)
def test_the_answer_to_one_resend_warns_of_a_second_copy(
    api: fakes.Api, status: str, to: dict[str, str], expected: int
) -> None:
    told = api.post(f"emails/{over(status).pk}/resend/", to)
    assert told.status_code == 202
    told = told.json()
    assert (told["possible_duplicates"], "twice" in told.get("warning", "")) == (expected, bool(expected))
