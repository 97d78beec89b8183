"""The pages of a team's people."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from delivery.access import members
from delivery.models import AuditEntry, Invitation, Member, Team
from tests.delivery.admin.pages import text

pytestmark = pytest.mark.django_db
MEMBERS, INVITATIONS = "/admin/delivery/member/", "/admin/delivery/invitation/"


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="shop")


def person(team: Team, name: str, role: str) -> Any:
    user = User.objects.create_user(name, f"{name}@example.org", is_staff=True)
    Member.objects.create(team=team, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def invite(client: Client, team: Team, role: str = "support", who: str = "eve@example.org") -> Any:
    return client.post(f"{INVITATIONS}add/", {"team": team.pk, "who": who, "given": role})


def test_an_admin_invites_and_sees_the_link_once(team: Team) -> None:
    anna = person(team, "anna", "admin")
    answer = invite(anna, team)
    (link,) = re.findall(r"http://testserver/invite/([\w-]+)/", answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    assert members.pending(link)
    assert AuditEntry.objects.get().actor_name == "anna"
    for page in (INVITATIONS, f"{INVITATIONS}{Invitation.objects.get().pk}/change/"):
        assert "eve@example.org" in text(anna.get(page))
        assert link not in anna.get(page).content.decode()


def test_nobody_invites_above_the_own_role_or_into_another_team(team: Team) -> None:
    anna, other = person(team, "anna", "admin"), Team.objects.create(name="rival")
    assert "above your own" in text(invite(anna, team, "owner"))
    assert "Select a valid choice" in text(invite(anna, other))
    assert "rival" not in text(anna.get(f"{INVITATIONS}add/"))
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("role", ["developer", "support", "viewer"])
def test_others_see_nothing_of_the_people(team: Team, role: str) -> None:
    client = person(team, "eve", role)
    row = Member.objects.get().pk
    assert invite(client, team, "viewer", "x@example.org").status_code == 403
    for page in (MEMBERS, INVITATIONS, f"{MEMBERS}{row}/change/", f"{MEMBERS}{row}/role/"):
        assert client.get(page).status_code == 403


def test_a_role_is_changed_a_person_removed_and_a_team_handed_over(team: Team) -> None:
    anna, bert = person(team, "anna", "owner"), person(team, "bert", "viewer")
    row = Member.objects.get(user__username="bert")
    assert "What is bert in shop?" in text(anna.get(f"{MEMBERS}{row.pk}/role/"))
    anna.post(f"{MEMBERS}{row.pk}/role/", {"role": "admin"})
    row.refresh_from_db()
    assert row.role == "admin"
    refused = bert.post(f"{MEMBERS}{row.pk}/hand-over/", follow=True)
    assert "Only an owner hands a team over." in text(refused)
    anna.post(f"{MEMBERS}{row.pk}/hand-over/")
    assert dict(Member.objects.values_list("user__username", "role")) == {"anna": "admin", "bert": "owner"}
    own = Member.objects.get(user__username="anna")
    assert bert.post(f"{MEMBERS}{own.pk}/remove/").status_code == 302
    assert "keeps an owner" in text(bert.post(f"{MEMBERS}{row.pk}/remove/", follow=True))
    assert [member.user.username for member in Member.objects.all()] == ["bert"]


def test_an_invitation_is_withdrawn(team: Team) -> None:
    anna = person(team, "anna", "admin")
    invite(anna, team)
    page = f"{INVITATIONS}{Invitation.objects.get().pk}/withdraw/"
    assert "Withdraw the invitation of eve@example.org?" in text(anna.get(page))
    anna.post(page)
    assert not Invitation.objects.exists()


def test_another_teams_people_are_missing(team: Team) -> None:
    anna = person(team, "anna", "owner")
    person(Team.objects.create(name="rival"), "eve", "viewer")
    row = Member.objects.get(user__username="eve")
    assert "eve@example.org" not in text(anna.get(MEMBERS))
    for word in ("role", "remove", "hand-over"):
        assert anna.post(f"{MEMBERS}{row.pk}/{word}/", {"role": "viewer"}).status_code == 404
    assert anna.get(f"{MEMBERS}{row.pk}/change/").status_code == 302


@pytest.mark.parametrize("how", ["one", "several"])
def test_the_account_of_a_member_is_not_deleted_and_so_no_last_owner(
    admin_client: Client, team: Team, how: str
) -> None:
    person(team, "anna", "owner")
    anna = User.objects.get(username="anna")
    one = (f"/admin/auth/user/{anna.pk}/delete/", {"post": "yes"})
    several = {"post": "yes", "action": "delete_selected", "_selected_action": anna.pk}
    path, fields = one if how == "one" else ("/admin/auth/user/", several)
    assert admin_client.post(path, fields).status_code != 302
    assert Member.objects.get().user == anna

    Member.objects.all().delete()
    assert admin_client.post(path, fields).status_code == 302
    assert not User.objects.filter(username="anna").exists()


def test_an_owner_makes_another_one_and_steps_down(team: Team) -> None:
    anna = person(team, "anna", "owner")
    person(team, "bert", "admin")
    own, other = Member.objects.get(role="owner"), Member.objects.get(role="admin")
    assert "A team keeps an owner" in text(
        anna.post(f"{MEMBERS}{own.pk}/role/", {"role": "viewer"}, follow=True)
    )
    anna.post(f"{MEMBERS}{other.pk}/role/", {"role": "owner"})
    anna.post(f"{MEMBERS}{own.pk}/role/", {"role": "viewer"})
    assert dict(Member.objects.values_list("user__username", "role")) == {"anna": "viewer", "bert": "owner"}
