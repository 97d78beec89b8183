"""Whose a key is, who holds it back, and with which others it counts: over the API, in the admin, at the shell."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from delivery.access import holders, keys, pauses, stored
from delivery.access.pauses import NotYours
from delivery.models import ApiKey, Email, Limits, Member, Team
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
ALL = ("emails.send", "emails.read", "keys.read", "keys.write")


def person(role: str, name: str) -> User:
    team = Team.objects.get_or_create(name="shop")[0]
    user = User.objects.create_user(name, is_staff=True)
    Member.objects.create(team=team, user=user, role=role)
    return user


def of(user: User | None, **fields: Any) -> tuple[ApiKey, fakes.Api]:
    """Return a key of a person, or one made at the shell, and a client that uses it."""
    whose = {"made_by": user, "of_person": True} if user else {}
    key, token = keys.issue("shop", **{"scopes": ALL, **whose, **fields})
    return key, fakes.Api(Client(), token)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def fresh(key: ApiKey) -> ApiKey:
    keys._live.cache_clear()
    return ApiKey.objects.get(pk=key.pk)


def seen(by: fakes.Api) -> set[str]:
    keys._live.cache_clear()
    return {one["id"] for one in by.get("keys/").json()["results"]}


# Whose a key is.


def test_the_key_of_a_person_whose_account_is_deleted_sees_itself_and_what_it_made() -> None:
    dan = person("developer", "dan")
    key, api = of(dan)
    child = api.post("keys/", {"scopes": ["emails.read"]}).json()["id"]
    others, _ = of(None)
    dan.delete()
    assert seen(api) == {key.public_id, child}
    assert api.post(f"keys/{others.public_id}/pause/", {}).status_code == 404
    assert api.get(f"keys/{others.public_id}/").status_code == 404


def test_neither_does_a_key_that_such_a_key_has_made_see_the_others() -> None:
    dan = person("developer", "dan")
    _, api = of(dan)
    child = fakes.Api(Client(), api.post("keys/", {"scopes": list(ALL)}).json()["token"])
    of(None)
    dan.delete()
    assert len(seen(child)) == 1


def test_so_is_it_with_a_successor() -> None:
    dan = person("developer", "dan")
    key, api = of(dan)
    of(None)
    told = api.post(f"keys/{key.public_id}/rotate/", {}).json()
    dan.delete()
    assert seen(fakes.Api(Client(), told["token"])) == {told["id"]}


@pytest.mark.parametrize("role", ["admin", "developer"])
def test_the_key_of_somebody_who_was_removed_sees_his_own(role: str) -> None:
    user = person(role, "dan")
    key, api = of(user)
    of(None)
    Member.objects.all().delete()
    assert seen(api) == {key.public_id}


def test_a_key_of_the_shell_and_one_of_an_admin_see_all() -> None:
    _, shell = of(None)
    _, admins = of(person("admin", "ada"))
    assert len(seen(shell)) == len(seen(admins)) == 2


def test_the_page_of_a_key_whose_person_is_gone_says_so() -> None:
    dan, ada = person("developer", "dan"), person("admin", "ada")
    key, _ = of(dan)
    dan.delete()
    page = browser(ada).get(f"/admin/delivery/apikey/{key.pk}/change/").content.decode()
    assert "somebody who is gone" in page
    assert "at the shell" not in page


def test_a_key_made_in_the_admin_is_a_persons() -> None:
    browser(person("developer", "dan")).post(
        "/admin/delivery/apikey/add/", {"team_name": "shop", "granted": ["emails.send"]}
    )
    assert ApiKey.objects.get().of_person


def test_keys_from_before_this_was_noted_are_told_apart_by_the_audit() -> None:
    dan = person("developer", "dan")
    browser(dan).post("/admin/delivery/apikey/add/", {"team_name": "shop", "granted": ["keys.write"]})
    key, (shell, _) = ApiKey.objects.get(), of(None)
    child, _ = keys.issue("shop", scopes=["emails.read"], made_with=key)
    dan.delete()
    ApiKey.objects.update(of_person=False)
    import_module("delivery.migrations.0031_key_origins").tell_whose_they_are(apps, None)
    assert set(ApiKey.objects.filter(of_person=True)) == {key, child}
    assert not fresh(shell).of_person


# Who holds it back.


def order(client: Client, key: ApiKey, word: str, **fields: Any) -> str:
    answer = client.post(f"/admin/delivery/apikey/{key.pk}/{word}/", fields, follow=True)
    return str(answer.content.decode())


@pytest.mark.parametrize("pauser", ["admin", "shell", "key of the shell"])
def test_a_developer_does_not_end_the_pause_of_who_manages_the_team(pauser: str) -> None:
    dan, ada = person("developer", "dan"), person("admin", "ada")
    (key, _), (_, second) = of(dan), of(dan)
    if pauser == "admin":
        order(browser(ada), key, "pause", order="pause")
    elif pauser == "shell":
        call_command("pause", "--key", key.public_id)
    else:
        of(None)[1].post(f"keys/{key.public_id}/pause/", {})
    assert "has paused this key" in order(browser(dan), key, "pause", order="resume")
    answer = second.post(f"keys/{key.public_id}/resume/", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_own_rights")
    assert fresh(key).paused_at
    order(browser(ada), key, "pause", order="resume")
    assert fresh(key).paused_at is None


def test_a_developer_ends_his_own_pause_until_who_manages_the_team_pauses_too() -> None:
    dan, ada = person("developer", "dan"), person("admin", "ada")
    key, _ = of(dan)
    for _ in range(2):
        order(browser(dan), key, "pause", order="pause")
        order(browser(dan), key, "pause", order="resume")
        assert fresh(key).paused_at is None
    order(browser(dan), key, "pause", order="pause")
    order(browser(ada), key, "pause", order="pause")
    order(browser(dan), key, "pause", order="resume")
    assert fresh(key).paused_at


def test_after_a_managers_pause_is_over_the_next_is_the_developers_again() -> None:
    dan, ada = person("developer", "dan"), person("admin", "ada")
    key, _ = of(dan)
    for client in (browser(ada), browser(dan)):
        order(client, key, "pause", order="pause")
        order(client, key, "pause", order="resume")
        assert fresh(key).paused_at is None


def test_a_successor_is_held_like_its_predecessor() -> None:
    dan, ada = person("developer", "dan"), person("admin", "ada")
    key, _ = of(dan)
    order(browser(ada), key, "pause", order="pause")
    order(browser(dan), key, "rotate", overlap="0")
    successor = ApiKey.objects.get(successor_of=key)
    order(browser(dan), successor, "pause", order="resume")
    assert fresh(successor).paused_at


def test_a_developer_does_not_change_the_limits_that_who_manages_the_team_has_set() -> None:
    dan, ada = person("developer", "dan"), person("admin", "ada")
    key, _ = of(dan)
    order(browser(dan), key, "limits", daily="500")
    order(browser(ada), key, "limits", daily="100")
    assert "has set these limits" in order(browser(dan), key, "limits", daily="0")
    assert Limits.objects.get().daily == 100
    with pytest.raises(NotYours):
        holders.set_limits(key, {"daily": 0}, dan)
    order(browser(ada), key, "limits", daily="200")
    assert Limits.objects.get().daily == 200


def test_who_loses_the_team_ends_no_pause_that_he_made_for_it() -> None:
    ada = person("admin", "ada")
    key, _ = of(ada)
    pauses.pause(key, ada)
    Member.objects.update(role="developer")
    with pytest.raises(NotYours):
        pauses.resume(fresh(key), ada)


# With which others it counts.


def sent(*apis: fakes.Api, times: int) -> int:
    """Return how many of so many sends of each were taken."""
    keys._live.cache_clear()
    statuses = [api.send().status_code for api in apis for _ in range(times)]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


def test_a_key_with_limits_makes_no_other() -> None:
    key, api = of(None)
    holders.set_limits(key, {"daily": 3})
    answer = api.post("keys/", {"scopes": ["emails.send"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_own_rights")
    assert "limits" in answer.json()["message"]
    holders.set_limits(key, {"daily": 0})
    assert api.post("keys/", {"scopes": ["emails.send"]}).status_code == 201


def test_nor_does_it_take_another_key_by_rotating_it() -> None:
    (key, api), (other, _) = of(None), of(None)
    holders.set_limits(key, {"high_per_second": 1})
    assert api.post(f"keys/{other.public_id}/rotate/", {}).status_code == 403
    assert not ApiKey.objects.filter(successor_of=other).exists()


@pytest.mark.parametrize("limit", [{"daily": 3}, {"per_second": 0.01, "burst": 3}])
def test_a_key_and_its_rotations_send_together_what_one_may(limit: dict[str, Any]) -> None:
    key, api = of(None)
    holders.set_limits(key, limit)
    line = [api]
    for _ in range(3):
        last = ApiKey.objects.order_by("pk").last()
        assert last
        told = line[-1].post(f"keys/{last.public_id}/rotate/", {"overlap": 3600}).json()
        line.append(fakes.Api(Client(), told["token"]))
    assert sent(*line, times=2) == 3


def test_what_waits_and_is_stored_is_counted_of_all_rotations() -> None:
    key, api = of(None)
    api.send(body="Hello")
    told = api.post(f"keys/{key.public_id}/rotate/", {"overlap": 3600}).json()
    successor = fakes.Api(Client(), told["token"])
    successor.send(body="Hello")
    row = holders.set_limits(ApiKey.objects.get(public_id=told["id"]), {"stored_mb": 1, "waiting": 10})
    assert (row.key, row.stored) == (key, 2 * len("Hello"))
    stored.emails_go(Email.objects.filter(key__public_id=told["id"]))
    assert Limits.objects.get().stored == len("Hello")


def test_a_limit_set_on_any_of_them_is_the_limit_of_all() -> None:
    key, api = of(None)
    told = api.post(f"keys/{key.public_id}/rotate/", {"overlap": 3600}).json()
    holders.set_limits(ApiKey.objects.get(public_id=told["id"]), {"daily": 2})
    assert sent(api, fakes.Api(Client(), told["token"]), times=2) == 2
    assert [one["name"] for one in api.get("me/").json()["limits"]] == ["key-daily"]
