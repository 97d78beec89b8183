"""A key finds out whose it is, what it may do, and what is left of its limits."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from delivery.access import keys, pauses
from delivery.access.scopes import Scope
from delivery.models import ApiKey, Limits, Team
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def of(*scopes: str) -> fakes.Api:
    return fakes.Api(Client(), keys.issue("shop", scopes=scopes, from_addresses=["@example.org"])[1])


@pytest.mark.parametrize("scope", Scope.values)
def test_any_key_may_ask(scope: str) -> None:
    answer = of(scope).get("me/")
    told = answer.json()
    key = ApiKey.objects.get()
    assert answer.status_code == 200
    assert (told["team"]["name"], told["team"]["paused"], told["limits"]) == ("shop", False, [])
    assert (told["key"]["id"], told["key"]["scopes"]) == (key.public_id, [scope])
    assert told["key"]["from_addresses"] == ["@example.org"]
    assert key.digest not in answer.content.decode()


def test_it_says_what_limits_the_key() -> None:
    ends = timezone.now() + timedelta(days=9)
    _, token = keys.issue("shop", scopes=["send"], name="web", networks=["127.0.0.0/8"], expires_at=ends)
    told = fakes.Api(Client(), token).get("me/").json()["key"]
    assert (told["name"], told["networks"]) == ("web", ["127.0.0.0/8"])
    assert told["scopes"] == ["batches.send", "emails.manage", "emails.send"]
    assert told["expires_at"].startswith(f"{ends:%Y-%m-%d}")


def test_it_says_what_is_left() -> None:
    api = of("send")
    team, key = Team.objects.get(), ApiKey.objects.get()
    Limits.objects.create(team=team, per_second=1, burst=5)
    Limits.objects.create(key=key, daily=10, waiting=3)
    assert api.send().status_code == 200
    told = {one.pop("name"): one for one in api.get("me/").json()["limits"]}
    assert told["burst"].pop("left") in (4, 5)
    assert 86_300 < told["key-daily"].pop("more_in") <= 86_460
    assert told["key-daily"] == {"quota": 10, "left": 9, "window": 86_400}
    assert told["key-waiting"] == {"quota": 3, "left": 3, "window": None, "more_in": None}


def test_it_says_what_is_paused() -> None:
    api = of("read")
    pauses.pause(Team.objects.get())
    pauses.pause(ApiKey.objects.get())
    told = api.get("me/").json()
    assert (told["team"]["paused"], told["key"]["paused"]) == (True, True)


def test_nobody_without_a_key_may_ask(db: None) -> None:
    answer = fakes.Api(Client(), "").get("me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_where_no_key_is_required_there_is_nothing_to_tell(settings: Any) -> None:
    settings.API_KEY_REQUIRED = False
    told = fakes.Api(Client(), "").get("me/").json()
    assert (told["key"], told["team"], told["limits"]) == (None, None, [])
