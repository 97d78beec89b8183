"""members/: who belongs to the team; people are invited, given a role, and removed."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from delivery.access import keys, members
from delivery.access.scopes import Scope
from delivery.models import AuditEntry, Invitation, Member, Team
from tests import fakes

pytestmark = pytest.mark.django_db
ROOT = fakes.V1 + "members/"


@pytest.fixture
def team(token: str) -> Team:
    return Team.objects.get(name="tests")


def member(team: Team, name: str, role: str) -> Member:
    user = User.objects.create_user(name, f"{name}@example.org")
    return Member.objects.create(team=team, user=user, role=role)


def ask(api: fakes.Api, method: str, path: str = "", body: Any = None) -> Any:
    given = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(api.client, method)(ROOT + path, headers=api.headers, **given)


def invite(api: fakes.Api, **changes: Any) -> Any:
    return ask(api, "post", body={"email": "Eve@Example.org", "role": "support", **changes})


def test_a_person_is_invited_by_a_link_that_is_told_once(api: fakes.Api, team: Team, settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL = "https://mail.example.org"
    answer = invite(api)
    told = answer.json()
    assert (answer.status_code, told["email"], told["role"]) == (201, "eve@example.org", "support")

    token = told["link"].removeprefix("https://mail.example.org/invite/").rstrip("/")
    listed = ask(api, "get").json()
    assert [one["email"] for one in listed["invitations"]] == ["eve@example.org"]
    assert token not in str(listed)
    joined = members.accept(token, User.objects.create_user("eve", "eve@example.org"))
    listed = ask(api, "get").json()
    assert listed["invitations"] == []
    assert [(one["id"], one["name"], one["role"]) for one in listed["members"]] == [
        (str(joined.pk), "eve", "support")
    ]


def test_without_a_public_url_the_link_is_where_the_request_was(api: fakes.Api, settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL = ""
    assert invite(api).json()["link"].startswith("http://testserver/invite/")


def test_a_role_is_changed_and_a_person_removed(api: fakes.Api, team: Team) -> None:
    row = member(team, "eve", "viewer")
    answer = ask(api, "patch", f"{row.pk}/", {"role": "developer"})
    assert (answer.status_code, answer.json()["role"]) == (200, "developer")
    assert ask(api, "delete", f"{row.pk}/").status_code == 204
    assert not Member.objects.exists()
    assert ask(api, "delete", f"{row.pk}/").status_code == 404


def test_an_invitation_is_withdrawn(api: fakes.Api, team: Team) -> None:
    token = invite(api).json()["link"].rstrip("/").rpartition("/")[2]
    assert ask(api, "delete", f"invitations/{Invitation.objects.get().pk}/").status_code == 204
    assert members.pending(token) is None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"role": "god"}, 400, "invalid"),
        ({"email": "eve"}, 400, "invalid"),
        ({"email": "in@example.org"}, 409, "already_member"),
        ({"role": "owner"}, 403, "role_not_allowed"),
    ],
)
def test_what_cannot_be_is_refused(
    api: fakes.Api, team: Team, changes: dict[str, str], status: int, code: str
) -> None:
    member(team, "in", "viewer")
    answer = invite(api, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Invitation.objects.exists()


def test_a_key_gives_no_role_that_may_more_than_the_key(team: Team) -> None:
    small = fakes.Api(Client(), keys.issue("tests", scopes=["members.read", "members.write"])[1])
    row = member(team, "eve", "viewer")
    assert invite(small, role="viewer").json()["code"] == "role_not_allowed"
    assert ask(small, "patch", f"{row.pk}/", {"role": "admin"}).json()["code"] == "role_not_allowed"
    assert ask(small, "delete", f"{row.pk}/").json()["code"] == "role_not_allowed"


def test_a_key_touches_no_owner(api: fakes.Api, team: Team) -> None:
    row = member(team, "anna", "owner")
    for answer in (ask(api, "patch", f"{row.pk}/", {"role": "viewer"}), ask(api, "delete", f"{row.pk}/")):
        assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")


def test_another_teams_people_are_as_if_they_were_not(api: fakes.Api) -> None:
    other = Team.objects.create(name="rival")
    row, missing = member(other, "eve", "viewer"), 999_999
    theirs = members.invite(other, "x@example.org", "viewer", None)[0]
    for method, path in (("patch", "{}/"), ("delete", "{}/"), ("delete", "invitations/{}/")):
        pk = theirs.pk if "invitations" in path else row.pk
        body = {"role": "viewer"} if method == "patch" else None
        found, none = (ask(api, method, path.format(each), body) for each in (pk, missing))
        assert (found.status_code, found.content) == (404, none.content)
    assert ask(api, "get").json()["members"] == []


def test_each_change_is_in_the_audit_with_who_made_it(api: fakes.Api, team: Team) -> None:
    row = member(team, "eve", "viewer")
    invite(api, email="x@example.org")
    ask(api, "patch", f"{row.pk}/", {"role": "support"})
    ask(api, "delete", f"{row.pk}/")
    ask(api, "delete", f"invitations/{Invitation.objects.get().pk}/")
    entries = AuditEntry.objects.filter(action__startswith="member.").order_by("id")
    assert [entry.action for entry in entries] == [
        *("member.invited", "member.role_changed", "member.removed", "member.invitation_withdrawn")
    ]
    assert {(entry.actor_kind, entry.team_id) for entry in entries} == {("key", team.pk)}


def test_the_shell_prints_the_link_alone_on_the_last_line(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL = "https://mail.example.org"
    Team.objects.create(name="shop")
    out = StringIO()
    call_command("add_member", "shop", "anna@example.org", "--role", "owner", stdout=out)
    link = out.getvalue().splitlines()[-1]
    token = link.removeprefix("https://mail.example.org/invite/").removesuffix("/")
    assert members.accept(token, User.objects.create_user("anna", "anna@example.org")).role == "owner"


@pytest.mark.parametrize(
    ("arguments", "said"), [(("forum", "a@example.org"), "no team forum"), (("shop", "anna"), "anna")]
)
def test_the_shell_says_what_is_wrong(arguments: tuple[str, str], said: str) -> None:
    Team.objects.create(name="shop")
    with pytest.raises(CommandError, match=said):
        call_command("add_member", *arguments, "--role", "admin", stdout=StringIO())


def test_high_priority_needs_its_scope(providers: None) -> None:
    usual, high = (
        fakes.Api(Client(), keys.issue("shop", scopes=scopes)[1])
        for scopes in ([Scope.EMAILS_SEND], [Scope.EMAILS_SEND, Scope.PRIORITY_HIGH])
    )
    refused = usual.send(priority="high")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert high.send(priority="high").status_code == 200
