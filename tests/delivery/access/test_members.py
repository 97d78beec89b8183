"""People are invited by a link, given a role, and removed; a team that has an owner keeps one."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from delivery.access import keys, members
from delivery.access.members import AlreadyMember, LastOwner, NotAllowed, NotValid, OtherAddress, Refused
from delivery.access.scopes import OF_ROLE, Role, Scope
from delivery.content.addresses import InvalidAddress
from delivery.models import Invitation, Member, Team

pytestmark = pytest.mark.django_db
RANKS = tuple(Role.values)


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="shop")


def person(name: str, team: Team | None = None, role: str = "") -> Any:
    user = User.objects.create_user(name, f"{name}@example.org")
    if team:
        Member.objects.create(team=team, user=user, role=role)
    return user


def invited(team: Team, email: str = "eve@example.org", role: str = "support") -> str:
    return members.invite(team, email, role, None)[1]


def test_a_link_makes_its_address_a_member_once(team: Team) -> None:
    token, eve = invited(team, "Eve@Example.ORG"), person("eve")
    member = members.accept(token, eve)

    assert (member.team, member.role) == (team, "support")
    assert members.scopes_of(eve, team) == OF_ROLE[Role.SUPPORT]
    assert list(members.teams_of(eve)) == [team]
    assert User.objects.get(pk=eve.pk).is_staff
    assert members.pending(token) is None
    with pytest.raises(NotValid):
        members.accept(token, person("bob"))


def test_only_a_hash_of_the_token_is_kept(team: Team) -> None:
    token = invited(team)
    assert token not in str(Invitation.objects.values().get())
    assert members.pending(token) == Invitation.objects.get()


def test_nobody_else_may_use_a_link(team: Team) -> None:
    token = invited(team)
    with pytest.raises(OtherAddress):
        members.accept(token, person("bob"))
    assert members.pending(token)
    assert not Member.objects.exists()


def test_a_link_is_valid_for_a_week(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members.clock, "now", timezone.now)  # PostgreSQL's would go on
    eve = person("eve")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = invited(team)
        clock.shift(timedelta(days=7) - timedelta(seconds=1))
        assert members.pending(token)
        clock.shift(timedelta(seconds=2))
        with pytest.raises(NotValid):
            members.accept(token, eve)


def test_a_second_invitation_replaces_the_first_and_a_withdrawn_one_is_void(team: Team) -> None:
    first, second = invited(team), invited(team, role="viewer")
    assert members.pending(first) is None
    members.withdraw(Invitation.objects.get())
    assert members.pending(second) is None


def test_whoever_is_a_member_is_not_invited_again(team: Team) -> None:
    person("eve", team, "viewer")
    with pytest.raises(AlreadyMember):
        invited(team, "EVE@example.org", role="owner")


@pytest.mark.parametrize("email", ["", "eve", "a@b@c", "eve@example.org\nBcc: x@example.org"])
def test_what_is_no_address_is_not_invited(team: Team, email: str) -> None:
    with pytest.raises(InvalidAddress):
        invited(team, email)


@pytest.mark.parametrize("own", RANKS)
@pytest.mark.parametrize("given", RANKS)
def test_nobody_gives_or_takes_a_role_above_the_own(team: Team, own: str, given: str) -> None:
    person("root", team, "owner")
    by, other = person("by", team, own), person("other", team, given)
    allowed = RANKS.index(own) <= RANKS.index(given)
    assert members.may_grant(team, Role(given), by) == allowed
    if allowed:
        members.invite(team, "eve@example.org", given, by)
        members.remove(other.memberships.get(), by)
    else:
        for order in (
            lambda: members.invite(team, "eve@example.org", given, by),
            lambda: members.change_role(by.memberships.get(), given, by),
            lambda: members.change_role(other.memberships.get(), own, by),
            lambda: members.remove(other.memberships.get(), by),
        ):
            with pytest.raises(NotAllowed):
                order()
        assert other.memberships.get().role == given


def test_a_role_in_one_team_is_none_in_another(team: Team) -> None:
    by = person("by", Team.objects.create(name="forum"), "owner")
    with pytest.raises(NotAllowed):
        members.invite(team, "eve@example.org", "viewer", by)
    assert members.scopes_of(by, team) == frozenset()


@pytest.mark.parametrize(
    ("scopes", "granted"),
    [
        (["members.write"], set()),
        (["members.write", *OF_ROLE[Role.SUPPORT]], {"support", "viewer"}),
        (Scope.values, {"admin", "developer", "support", "viewer"}),
    ],
)
def test_a_key_gives_no_role_that_may_more_than_it(team: Team, scopes: list[str], granted: set[str]) -> None:
    key, _ = keys.issue("shop", scopes=scopes)
    assert {role for role in Role.values if members.may_grant(team, Role(role), key)} == granted


def test_the_last_owner_stays(team: Team) -> None:
    anna = person("anna", team, "owner")
    (own,) = anna.memberships.all()
    for order in (lambda: members.remove(own, anna), lambda: members.change_role(own, "admin", anna)):
        with pytest.raises(LastOwner):
            order()
    person("bert", team, "owner")
    members.remove(own, anna)
    assert Member.objects.get().user.username == "bert"


@pytest.mark.parametrize(
    ("becomes", "left"), [("", set()), ("developer", set()), ("admin", {"admin", "viewer"})]
)
def test_who_may_invite_no_more_leaves_no_link_to_come_back_by(
    team: Team, becomes: str, left: set[str]
) -> None:
    ann, bob = person("ann", team, "owner"), person("bob", team, "owner")
    for role in ("owner", "admin", "viewer"):
        members.invite(team, f"{role}@example.org", role, bob)
    members.invite(team, "other@example.org", "owner", ann)
    member = Member.objects.get(user=bob)
    if becomes:
        members.change_role(member, becomes, ann)
    else:
        members.remove(member, ann)
    open_ones = members.open_invitations(team)
    assert {one.role for one in open_ones.filter(invited_by="bob")} == left
    assert open_ones.filter(invited_by="ann").count() == 1


def test_who_hands_the_team_over_leaves_no_link_to_own_it_again_by(team: Team) -> None:
    ann, bob = person("ann", team, "owner"), person("bob", team, "developer")
    for role in ("owner", "admin"):
        members.invite(team, f"{role}@example.org", role, ann)
    members.transfer(Member.objects.get(user=bob), ann)
    assert [one.role for one in members.open_invitations(team)] == ["admin"]


def test_whoever_belongs_to_no_team_any_more_does_not_log_in(team: Team) -> None:
    other = Team.objects.create(name="forum")
    eve = person("eve")
    first, second = (members.accept(invited(whose), eve) for whose in (team, other))
    members.remove(first, None)
    assert User.objects.get(pk=eve.pk).is_staff
    members.remove(second, None)
    assert not User.objects.get(pk=eve.pk).is_staff


def test_only_an_owner_hands_the_team_over(team: Team) -> None:
    anna, bert = person("anna", team, "owner"), person("bert", team, "admin")
    with pytest.raises(NotAllowed):
        members.transfer(bert.memberships.get(), bert)
    members.transfer(bert.memberships.get(), anna)
    assert (anna.memberships.get().role, bert.memberships.get().role) == ("admin", "owner")


def test_who_was_removed_meanwhile_is_not_changed(team: Team) -> None:
    gone = person("eve", team, "viewer").memberships.get()
    members.remove(gone, None)
    with pytest.raises(Refused):
        members.change_role(gone, "admin", None)


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_remove_each_other_at_once() -> None:
    team = Team.objects.create(name="shop")
    owners = [person(name, team, "owner") for name in ("anna", "bert")]
    together, refused = Barrier(2), []

    def leave(user: User) -> None:
        member = user.memberships.get()
        together.wait()
        try:
            members.remove(member, None)
        except LastOwner:
            refused.append(user)
        connection.close()

    threads = [Thread(target=leave, args=(user,)) for user in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Member.objects.count(), len(refused)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_with_one_link_make_one_member() -> None:
    token = invited(Team.objects.create(name="shop"))
    eve = person("eve")
    outcomes: list[str] = []

    def accept() -> None:
        try:
            members.accept(token, User.objects.get(pk=eve.pk))
            outcomes.append("member")
        except Refused:
            outcomes.append("refused")
        connection.close()

    threads = [Thread(target=accept) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["member"] + ["refused"] * 19
    assert Member.objects.count() == 1
