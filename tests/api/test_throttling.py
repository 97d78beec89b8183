"""Over a limit: 429 by every way in, with headers that say what is left and when more fits."""

import time
from typing import Any

import pytest
from django.test import Client

from delivery.access import keys, stored
from delivery.models import Email, IdempotencyKey, Limits, Team
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
LETTER = {"from_address": "me@example.org", "to_addresses": ["ann@example.org"], "subject": "Hello"}
SHORT = {
    "to": "ann@example.net",
    "to_name": "Ann",
    "from": "me@example.org",
    "from_name": "GoMail",
    "subject": "Hello",
    "body": "Hi",
}
WAYS: dict[str, tuple[str, Any]] = {
    "send-email": (fakes.V1 + "send-email/", LETTER),
    "send-mail": (fakes.V1 + "send-mail/", LETTER),
    "email": ("/email", SHORT),
    "batches": (fakes.V1 + "batches/", {"emails": [LETTER]}),
}


def limit(**row: Any) -> None:
    Limits.objects.update_or_create(team=Team.objects.get(name="tests"), defaults=row)
    keys._live.cache_clear()


def post(api: fakes.Api, path: str, body: Any, **headers: str) -> Any:
    return api.client.post(path, body, content_type="application/json", headers={**api.headers, **headers})


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_is_limited(api: fakes.Api, ses: fakes.FakeVendor, way: str) -> None:
    limit(per_second=0.1, burst=1)
    assert post(api, *WAYS[way]).status_code in (200, 202)
    over = post(api, *WAYS[way])

    assert (over.status_code, over["Retry-After"], over["RateLimit"]) == (429, "10", '"burst";r=0;t=10')
    assert "Try again in 10 s" in over.json()["message"]
    assert Email.objects.count() == 1


def test_a_resend_is_limited(api: fakes.Api) -> None:
    limit(daily=1)
    first = api.send().json()["id"]
    over = api.post(f"emails/{first}/resend/", {})
    assert (over.status_code, over.json()["code"]) == (429, "daily_quota_exceeded")
    assert over["RateLimit-Policy"] == '"daily";q=1;w=86400'


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"per_second": 0.1, "burst": 1}, "rate_limited"),
        ({"daily": 1}, "daily_quota_exceeded"),
        ({"waiting": 1}, "waiting_quota_exceeded"),
        ({"stored_mb": 1}, "storage_quota_exceeded"),
    ],
)
def test_each_limit_has_its_code_and_the_contracts_shape(
    api: fakes.Api, row: dict[str, Any], code: str
) -> None:
    limit(**row)
    body = {**LETTER, "text_body": "x" * 600_000}
    post(api, fakes.V1 + "send-email/", body, Prefer="respond-async")
    over = post(api, fakes.V1 + "send-email/", body, Prefer="respond-async")
    assert over.status_code == 429
    assert over.json().keys() == {"success", "message", "code", "errors"}
    assert (over.json()["success"], over.json()["code"]) == (False, code)
    assert int(over["Retry-After"]) > 0


def test_an_answer_says_what_is_left(api: fakes.Api) -> None:
    limit(per_second=0.5, burst=10, daily=100, stored_mb=1)
    answer = api.send(text_body="12345")
    assert answer.status_code == 200
    policy, left = answer["RateLimit-Policy"], answer["RateLimit"]
    assert policy == '"burst";q=10;w=20, "daily";q=100;w=86400, "stored";q=1048576;qu="content-bytes"'
    assert left.startswith('"burst";r=9;t=2, "daily";r=99;t=86')
    assert left.endswith('"stored";r=1048571')
    older = {name: answer[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")}
    assert older == {"limit": "10", "remaining": "9", "reset": "2"}


def test_who_waits_as_long_as_the_headers_say_gets_in(api: fakes.Api) -> None:
    limit(per_second=1, burst=2)
    for _ in range(6):
        answer = api.send()
        while answer.status_code == 429:
            assert ";t=1" in answer["RateLimit"]  # and r=0, unless the machine stood still for a second
            time.sleep(int(answer["Retry-After"]))
            answer = api.send()
            assert answer.status_code == 200


def test_as_many_as_are_left_fit(api: fakes.Api) -> None:
    limit(daily=5)
    left = int(api.send()["ratelimit-remaining"])
    assert [api.send().status_code for _ in range(left + 1)] == [200] * left + [429]


def test_without_limits_there_are_no_headers(api: fakes.Api) -> None:
    answer = api.send()
    assert not [name for name in answer.headers if name.lower().startswith("ratelimit")]


def test_an_invalid_request_costs_nothing(api: fakes.Api) -> None:
    limit(daily=1)
    assert api.send(to_addresses=[]).status_code == 403
    assert api.send().status_code == 200


@pytest.mark.parametrize("way", ["send-email", "batches", "email"])
def test_a_repeated_request_costs_nothing(api: fakes.Api, way: str) -> None:
    limit(daily=1)
    first = post(api, *WAYS[way], **{"Idempotency-Key": "order-1"})
    again = post(api, *WAYS[way], **{"Idempotency-Key": "order-1"})
    assert first.status_code == again.status_code in (200, 202)
    assert post(api, *WAYS[way], **{"Idempotency-Key": "order-2"}).status_code == 429
    assert (Email.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


def test_a_batch_that_repeats_some_pays_for_the_others(api: fakes.Api) -> None:
    limit(daily=3)
    key = {"Idempotency-Key": "batch-1"}
    post(api, fakes.V1 + "batches/", {"emails": [LETTER, LETTER]}, **key)
    again = post(api, fakes.V1 + "batches/", {"emails": [LETTER, LETTER, LETTER]}, **key)
    assert (again.status_code, again.json()["accepted"], Email.objects.count()) == (202, 3, 3)


def test_a_batch_that_does_not_fit_stores_nothing(api: fakes.Api) -> None:
    limit(daily=2)
    over = api.post("batches/", {"emails": [LETTER] * 3})
    assert (over.status_code, over.json()["code"], Email.objects.count()) == (429, "daily_quota_exceeded", 0)
    assert "Retry-After" not in over.headers
    assert api.post("batches/", {"emails": [LETTER] * 2}).status_code == 202


def test_the_bad_emails_of_a_batch_cost_nothing(api: fakes.Api) -> None:
    limit(daily=1)
    answer = api.post("batches/", {"emails": [LETTER, {**LETTER, "to_addresses": []}]})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


def test_a_dry_run_costs_nothing(api: fakes.Api) -> None:
    limit(daily=1)
    assert api.post("send-email/?dry_run=true", LETTER)["ratelimit-remaining"] == "1"


def test_old_rows_are_counted_when_a_limit_is_set(api: fakes.Api) -> None:
    api.send(text_body="12345")
    limit(stored_mb=1)
    stored.count_anew(Limits.objects.get().pk)
    assert Limits.objects.get().stored == 5


# Reads.


def test_each_answer_to_a_read_says_what_is_left(settings: Any) -> None:
    settings.GOMAIL_READS_PER_SECOND = 0.5
    client = fakes.Api(Client(), keys.issue("reader", scopes=["read"])[1])
    answers = [client.get("emails/") for _ in range(5)]
    assert [answer["RateLimit"].partition(";t=")[0] for answer in answers] == [
        f'"reads";r={left}' for left in (4, 3, 2, 1, 0)
    ]
    assert answers[0]["RateLimit-Policy"] == '"reads";q=5;w=10'
    over = client.get("emails/")
    assert (over.status_code, over.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(over["Retry-After"]) <= 2
    assert over["ratelimit-remaining"] == "0"
    other = fakes.Api(Client(), keys.issue("another", scopes=["read"])[1])
    assert other.get("emails/").status_code == 200
