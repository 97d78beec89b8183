"""Who is let in."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.db import clock as database_clock
from delivery.models import ApiKey
from tests import fakes

pytestmark = pytest.mark.django_db
LOG = fakes.V1 + "emails/"


def ask(header: str | None) -> Any:
    headers = {} if header is None else {"HTTP_AUTHORIZATION": header}
    return Client(raise_request_exception=False).get(LOG, **headers)


def assert_401(answer: Any, code: str = "invalid_api_key") -> None:
    assert answer.status_code == 401
    assert (answer["WWW-Authenticate"], answer["Content-Type"]) == ("Bearer", "application/json")
    body = answer.json()
    assert (body["success"], body["code"], body["errors"]) == (False, code, [])


def wrong_headers(token: str) -> list[str]:
    prefix, kind, public_id, secret, checksum = token.split("_")
    return [
        f"Bearer {prefix}_{kind}_{public_id}_{secret[::-1]}_{checksum}",
        f"Bearer {prefix}_{kind}_{public_id}__",
        f"Bearer {prefix}_{kind}_00000000_{secret}_{checksum}",
        f"Bearer {prefix}_{kind}_{public_id}\x00_{secret}_{checksum}",
        f"Bearer {prefix}_{kind}_%_{secret}_{checksum}",
        f"Bearer {token}x",
        f"Bearer {token} x",
        f"Bearer {token},{token}",
        f"Bearer {token.upper()}",
        f"Basic {token}",
        f"Token {token}",
        token,
        *(
            "Bearer",
            "Bearer ",
            "bearer x",
            "Bearer _",
            "Bearer ____",
            "Bearer gm_live_\x00_a_b_c",
            "Bearer \xff\xfe",
            "\x00",
        ),
        *(
            "Bearer " + "x" * 100_000,
            "x" * 100_000,
            "Bearer ' OR 1=1 --_a_b_c_d",
            "Bearer \u20ac",
            "Basic Og==",
            "Digest a=b",
        ),
    ]


def test_a_key_is_let_in(token: str) -> None:
    assert ask(f"Bearer {token}").status_code == 200
    assert ask(f"bearer  {token} ").status_code == 200


def test_every_other_header_is_401_in_the_contracts_shape(token: str) -> None:
    for header in wrong_headers(token):
        assert_401(ask(header))


def test_no_header_is_401_with_a_code_of_its_own() -> None:
    assert_401(ask(None), "not_authenticated")


def test_a_revoked_key_is_401_within_a_second(token: str) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert ask(f"Bearer {token}").status_code == 200
        ApiKey.objects.get().revoke()
        clock.shift(timedelta(seconds=1))
        assert_401(ask(f"Bearer {token}"))


def test_a_revoked_key_leaves_the_others_of_its_team(token: str) -> None:
    _, second = keys.issue("tests", scopes=["read"])
    ApiKey.objects.get(public_id=token.split("_")[2]).revoke()
    assert ask(f"Bearer {second}").status_code == 200
    assert_401(ask(f"Bearer {token}"))


def test_the_last_use_is_written_once_a_minute(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_clock, "now", timezone.now)  # PostgreSQL's would go on
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        ask(f"Bearer {token}")
        first = ApiKey.objects.get().last_used_at
        clock.shift(timedelta(seconds=59))
        ask(f"Bearer {token}")
        assert ApiKey.objects.get().last_used_at == first == start
        clock.shift(timedelta(seconds=2))
        ask(f"Bearer {token}")
        assert ApiKey.objects.get().last_used_at == start + timedelta(seconds=61)


def test_where_no_key_is_asked_for_a_wrong_one_is_still_401(token: str, settings: Any) -> None:
    settings.API_KEY_REQUIRED = False
    assert ask(None).status_code == 200
    assert ask(f"Bearer {token}").status_code == 200
    for header in wrong_headers(token):
        assert_401(ask(header))


def test_the_body_is_not_read_before_the_key(settings: Any) -> None:
    answer = Client().post(fakes.V1 + "send-email/", b"x" * 1000, content_type="image/png")
    assert_401(answer, "not_authenticated")


@pytest.mark.parametrize(
    ("origin", "status"), [("cross-site", 401), ("same-site", 401), ("same-origin", 200)]
)
def test_without_keys_a_page_of_another_site_cannot_send(
    db: None, settings: Any, origin: str, status: int
) -> None:
    settings.API_KEY_REQUIRED = False
    form = {"from_address": "me@example.org", "to_addresses": "ann@example.org"}
    answer = Client().post(fakes.V1 + "send-email/", form, headers={"Sec-Fetch-Site": origin})

    assert answer.status_code == status
