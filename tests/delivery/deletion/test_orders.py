"""From the order on nothing of the team begins, nobody belongs to it, and nothing new is made for it."""

from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from delivery.access import keys, leaving, members, pauses
from delivery.deletion import orders
from delivery.models import ApiKey, AuditEntry, Email, Mailing, Member, Team, TeamDeletion, WebhookEndpoint
from delivery.queue import claims
from delivery.webhooks import listeners
from tests.delivery.factories import queued
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = pytest.mark.django_db


def person(name: str, team: Team | None = None, role: str = "owner", **fields: Any) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", is_staff=True, **fields)
    if team:
        Member.objects.create(team=team, user=user, role=role)
    return user


def test_its_keys_are_revoked_and_nothing_that_waits_begins(shop: Team) -> None:
    _, token = keys.issue(shop, scopes=["emails.send"])
    email = queued(team=shop)
    hook = endpoint(team=shop)
    orders.give(shop, orders.SHELL)
    keys._live.cache_clear()  # what a second does
    assert keys.find(token) is None
    assert ApiKey.objects.get().cancels_waiting  # what processes of the version before go by
    assert claims.take(email.pk) is None
    shop.refresh_from_db()
    assert shop.paused_at
    listeners.forget()
    assert listeners.of("email.sent", shop.pk) == []
    assert WebhookEndpoint.objects.get(pk=hook.pk).deleted_at


def test_its_people_lose_it_and_their_accounts_stay(shop: Team, bank: Team) -> None:
    anna, bert, root = (
        person("anna", shop),
        person("bert", shop, "viewer"),
        person("root", shop, is_superuser=True),
    )
    Member.objects.create(team=bank, user=bert, role="viewer")
    _, link = members.invite(shop, "eve@example.org", "viewer", None)
    orders.give(shop, anna)
    assert members.scopes_of(anna, shop) == frozenset()
    assert set(User.objects.filter(is_staff=True)) == {bert, root}
    assert User.objects.filter(is_active=True).count() == 3
    assert members.pending(link) is None
    _, link = members.invite(bank, anna.email, "viewer", None)
    assert members.accept(link, anna).team == bank


@pytest.mark.parametrize("role", ["admin", "developer", "support", "viewer"])
def test_no_other_role_deletes_a_team(shop: Team, role: str) -> None:
    with pytest.raises(orders.NotAllowed):
        orders.give(shop, person("eve", shop, role))
    shop.refresh_from_db()
    assert shop.paused_at is None
    assert not TeamDeletion.objects.exists()


def test_an_owner_of_another_team_does_not(shop: Team, bank: Team) -> None:
    with pytest.raises(orders.NotAllowed):
        orders.give(shop, person("eve", bank))


def test_an_owner_who_is_inactive_does_not(shop: Team) -> None:
    with pytest.raises(orders.NotAllowed):
        orders.give(shop, person("eve", shop, is_active=False))


def test_the_operator_does(shop: Team) -> None:
    assert orders.give(shop, person("root", is_superuser=True)).by == "root"


def test_a_second_order_is_the_first(shop: Team) -> None:
    assert orders.give(shop, orders.SHELL) == orders.give(shop, orders.SHELL)
    assert AuditEntry.objects.filter(action="team.deleted").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_orders_at_once_one_counts(shop: Team) -> None:
    both, given = Barrier(2), []

    def order() -> None:
        both.wait()
        given.append(orders.give(shop, orders.SHELL).pk)
        connection.close()

    threads = [Thread(target=order) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 2
    assert len(set(given)) == 1


def test_nothing_new_is_made_for_it(shop: Team) -> None:
    orders.give(shop, orders.SHELL)
    for order in (
        lambda: keys.issue(shop, scopes=["emails.send"]),
        lambda: keys.issue("shop", scopes=["emails.send"]),
        lambda: members.invite(shop, "eve@example.org", "owner", None),
        lambda: pauses.resume(shop),
    ):
        with pytest.raises(leaving.Leaving):
            order()
    assert Team.objects.filter(paused_at=None).count() == 0
    assert Email.objects.count() == 0


def test_the_order_says_what_was_there(shop: Team) -> None:
    queued(team=shop)
    keys.issue(shop, scopes=["emails.send"])
    found = orders.give(shop, orders.SHELL).found
    assert {name: number for name, number in found.items() if number} == {
        "emails": 1,
        "waiting": 1,
        "keys": 1,
    }


def test_a_mailing_that_goes_on_is_cancelled(shop: Team) -> None:
    for state in ("sending", "done"):
        Mailing.objects.create(team=shop, name=state, state=state)
    orders.give(shop, orders.SHELL)
    assert dict(Mailing.objects.values_list("name", "state")) == {"sending": "cancelled", "done": "done"}
