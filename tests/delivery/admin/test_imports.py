"""The pages of contacts, groups and imports: what they take, whose it is, and who may."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from api import body_limit
from api.authentication import admits
from delivery.audience import imports, runner
from delivery.models import AuditEntry, Contact, Group, Import, Member, Membership, Suppression, Team
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding

pytestmark = pytest.mark.django_db
FILE = b"email,name\nann@example.org,Ann\n"
BRING, LOOK = "/admin/delivery/import/add/", "/admin/delivery/import/look/"
TAKEN = {"do": "run", "on_existing": "merge"}


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="shop")


def member(team: Team, role: str) -> Client:
    user = User.objects.create_user(f"{role} of {team}", is_staff=True)
    Member.objects.create(team=team, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def bring(client: Client, team: Team, content: bytes = FILE) -> Any:
    return client.post(BRING, {"team": team.pk, "file": SimpleUploadedFile("people.csv", content)})


def test_a_member_brings_a_file_for_his_team_and_nobody_else_sees_it(team: Team) -> None:
    client = member(team, "admin")
    assert bring(client, team).headers["Location"] == LOOK
    assert b"ann@example.org" in client.get(LOOK).content
    taken = client.post(LOOK, {**TAKEN, "new_group": "News"})
    one = Import.objects.get()
    assert (taken.headers["Location"], one.team, one.by) == (
        f"/admin/delivery/import/{one.pk}/change/",
        team,
        f"admin of {team}",
    )
    assert runner.step(lambda: True)
    news = f'href="/admin/delivery/group/{Group.objects.get().pk}/change/">News</a>'
    assert news in client.get(f"/admin/delivery/import/{one.pk}/change/").content.decode()
    assert b"100.0 %" in client.get(f"/admin/delivery/import/{one.pk}/progress/").content
    others = member(Team.objects.create(name="club"), "admin")
    for path in ("change/", "progress/", "rejects/"):
        assert others.get(f"/admin/delivery/import/{one.pk}/{path}").status_code == 404
    for verb in ("run", "undo"):
        assert others.post(f"/admin/delivery/import/{one.pk}/{verb}/").status_code == 404
    for page in ("import", "contact", "group", "membership"):
        assert b"News" not in others.get(f"/admin/delivery/{page}/").content
        assert b"ann@example.org" not in others.get(f"/admin/delivery/{page}/").content


QUESTIONS = {
    "email,name\nann@example.org,Änne\n".encode("cp1252"): (
        "words spelled as they should be",
        "Western Europe, Windows",
    ),
    b"email;a,b\nann@example.org;1,2\n": ("columns as they should be", "parted by"),
    b"ann@example.org,Ann\nbob@example.org,Bob\n": ("What is the first line?", "It names the columns"),
    b"who,name\nx,Ann\n": ("Which column holds the addresses?", "who"),
}


@pytest.mark.parametrize("content", QUESTIONS, ids=["encoding", "delimiter", "header", "column"])
def test_a_question_is_put_in_words_for_people(team: Team, content: bytes) -> None:
    client = member(team, "admin")
    bring(client, team, content)
    shown = client.get(LOOK).content.decode()
    for words in QUESTIONS[content]:
        assert words in shown
    assert "`" not in shown.partition("gm-warning")[2].partition("</p>")[0]
    assert "say with" not in shown


def test_a_file_for_a_team_that_is_not_ones_own_is_not_taken(team: Team) -> None:
    other = Team.objects.create(name="club")
    client = member(team, "admin")
    assert b"not one of the available choices" in bring(client, other).content
    bring(client, team)
    Member.objects.all().delete()
    assert client.post(LOOK, TAKEN).status_code == 403
    assert Import.objects.count() == 0


def test_whoever_may_only_read_brings_nothing(team: Team) -> None:
    client = member(team, "viewer")
    assert (bring(client, team).status_code, client.get(LOOK).status_code) == (403, 403)


def test_a_column_is_left_out_and_another_chosen(team: Team) -> None:
    client = member(team, "admin")
    bring(client, team, b"who,note\nann@example.org,x\n")
    assert b"Which column holds the addresses" in client.get(LOOK).content
    chosen = {"column-name-0": "who", "column-0": "email", "column-name-1": "note", "column-1": ""}
    client.post(LOOK, {**TAKEN, **chosen})
    assert Import.objects.get().fields == ["email", ""]


def test_an_import_is_held_and_undone_and_each_is_recorded(team: Team) -> None:
    client = member(team, "admin")
    bring(client, team)
    client.post(LOOK, {**TAKEN, "do": "check"})
    assert runner.step(lambda: True)
    path = f"/admin/delivery/import/{Import.objects.get().pk}/"
    for verb in ("run", "pause", "resume", "cancel", "undo"):
        assert client.post(f"{path}{verb}/").status_code == 302
    assert Import.objects.get().status == "undone"
    assert client.post(f"{path}run/", follow=True).status_code == 200  # too late, which the page says
    recorded = AuditEntry.objects.filter(object_kind="import").values_list("action", flat=True)
    assert sorted(recorded) == sorted(
        f"import.{word}" for word in ("started", "started", "paused", "resumed", "cancelled", "undone")
    )


def test_contacts_and_groups_are_made_and_changed_as_over_the_api(team: Team) -> None:
    client = member(team, "admin")
    asked = {"team": team.pk, "email": "Ann@Example.org", "name": "Ann", "data": '{"city": "Wien"}'}
    assert client.post("/admin/delivery/contact/add/", asked).status_code == 302
    assert b"with this address already" in client.post("/admin/delivery/contact/add/", asked).content
    ann = Contact.objects.get()
    assert (ann.email, ann.email_key, ann.data) == ("Ann@example.org", "ann@example.org", {"city": "Wien"})
    client.post(f"/admin/delivery/contact/{ann.pk}/change/", {**asked, "name": "Anna"})
    client.post("/admin/delivery/group/add/", {"team": team.pk, "name": "News", "from_address": "x"})
    client.post("/admin/delivery/group/add/", {"team": team.pk, "name": "News"})
    client.post(f"/admin/delivery/contact/{ann.pk}/delete/", {"post": "yes"})
    assert list(Group.objects.values_list("name", "from_address")) == [("News", "")]
    recorded = AuditEntry.objects.filter(object_kind__in=["contact", "group"]).order_by("id")
    assert list(recorded.values_list("action", flat=True)) == [
        "contact.created",
        "contact.changed",
        "group.created",
        "contact.deleted",
    ]


def test_a_group_says_how_many_get_its_mail_and_leads_to_them_however_old_it_is(team: Team) -> None:
    client = member(team, "admin")
    news, club = (Group.objects.create(team=team, name=name) for name in ("News", "Club"))
    for name, group, status in (
        ("ann", news, "subscribed"),
        ("bob", news, "unsubscribed"),
        ("eve", club, "subscribed"),
    ):
        contact = Contact.objects.create(
            team=team, email=f"{name}@example.org", email_key=f"{name}@example.org"
        )
        Membership.objects.create(group=group, contact=contact, status=status, by="api")
    Group.objects.bulk_create(Group(team=team, name=f"newer {number}") for number in range(100))
    shown = client.get(f"/admin/delivery/group/{news.pk}/change/").content.decode()
    where = f"/admin/delivery/membership/?in_group={news.pk}"
    assert f'<a class="gm-link" href="{where}">1</a>' in shown
    listed = client.get(where).content.decode()
    assert [name for name in ("ann", "bob", "eve") if f"{name}@example.org" in listed] == ["ann", "bob"]
    of_others = member(Team.objects.create(name="club"), "admin").get(where).content.decode()
    assert "News" not in of_others
    assert "@example.org" not in of_others


def unsubscribed(team: Team) -> Membership:
    """Return somebody who has left a group by a link, which has entered a suppression as well."""
    ann = Contact.objects.create(team=team, email="Ann@example.org", email_key="ann@example.org")
    group = Group.objects.create(team=team, name="News")
    finding = {"kind": "unsubscribe", "scope": f"list:{group.pk}", "source": "link", "at": timezone.now()}
    entries.add([Finding(team_id=team.pk, address="ann@example.org", **finding)])
    return Membership.objects.create(group=group, contact=ann, status="unsubscribed", by="link")


def test_who_has_unsubscribed_is_brought_back_by_a_person_who_says_that_they_want_it(team: Team) -> None:
    gone, client = unsubscribed(team), member(team, "admin")
    path = f"/admin/delivery/membership/{gone.pk}/resubscribe/"
    assert "Subscribe again…" in client.get(f"/admin/delivery/membership/{gone.pk}/change/").content.decode()
    assert "by a link in an email" in client.get(path).content.decode()
    assert client.post(path).status_code == 200  # without the tick
    gone.refresh_from_db()
    assert gone.status == "unsubscribed"
    assert client.post(path, {"asked": "on"}).status_code == 302
    gone.refresh_from_db()
    assert (gone.status, gone.by, Suppression.objects.count()) == ("subscribed", "admin", 0)
    told = AuditEntry.objects.get(action="contact.resubscribed")
    assert (told.actor_name, told.before, told.after) == (
        f"admin of {team}",
        {"status": "unsubscribed"},
        {"group": str(gone.group_id), "status": "subscribed"},
    )
    assert client.get(path).status_code == 404  # there is nothing left to ask
    assert (
        "Subscribe again…" not in client.get(f"/admin/delivery/membership/{gone.pk}/change/").content.decode()
    )


def test_who_may_only_read_contacts_brings_nobody_back(team: Team) -> None:
    gone, client = unsubscribed(team), member(team, "support")
    assert (
        client.post(f"/admin/delivery/membership/{gone.pk}/resubscribe/", {"asked": "on"}).status_code == 403
    )
    gone.refresh_from_db()
    assert gone.status == "unsubscribed"


@pytest.mark.django_db(transaction=True)
def test_only_the_page_that_takes_a_file_reads_a_large_body_and_only_of_who_is_logged_in(team: Team) -> None:
    post = {"REQUEST_METHOD": "POST", "PATH_INFO": BRING}
    assert body_limit.most(post) > imports.MOST_BYTES
    assert body_limit.most({**post, "PATH_INFO": LOOK}) == body_limit.ADMIN_BODY_BYTES
    client = member(team, "admin")
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    assert [admits({**post, "HTTP_COOKIE": text}) for text in (cookie, "sessionid=forged", "")] == [
        True,
        False,
        False,
    ]
