"""The pages of mailings: what they take, what they say, whose it is, and who may."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from delivery.audience import contacts
from delivery.library import templates
from delivery.mailings import states
from delivery.models import (
    AuditEntry,
    Email,
    Group,
    Mailing,
    MailingRecipient,
    Member,
    Signature,
    Team,
    Template,
)
from tests.delivery.admin.pages import text
from tests.delivery.mailings import mailed

pytestmark = pytest.mark.django_db
LIST = "/admin/delivery/mailing/"


@pytest.fixture(autouse=True)
def _sandbox(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("sandbox",)


@pytest.fixture
def shop() -> Team:
    return mailed.team()


@pytest.fixture
def readers(shop: Team) -> Group:
    return mailed.group(2, of=shop)


def member(team: Team, role: str) -> Client:
    user = User.objects.create_user(f"{role} of {team}", is_staff=True)
    Member.objects.create(team=team, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def given(group: Group, /, **fields: Any) -> dict[str, Any]:
    bodies = {"subject": "Hello {{ contact.first_name }}", "html": "<p>Hi</p>", "text": ""}
    return {"name": "June", "group": group.pk, "on_ambiguous": "stop", **bodies, **fields}


def path(mailing: Mailing, word: str = "change") -> str:
    return f"{LIST}{mailing.pk}/{word}/"


def page(client: Client, mailing: Mailing, **asked: Any) -> str:
    return text(client.get(path(mailing), asked))


def post(client: Client, mailing: Mailing, word: str, **fields: Any) -> str:
    """Give an order; return what its page says then."""
    return text(client.post(path(mailing, word), fields, follow=True))


def monthly(team: Team | None) -> Template:
    template = templates.create(team, name="Monthly", slug="monthly")
    templates.publish(templates.add_version(template, subject="Monthly", html="<p>x</p>"))
    return template


def test_a_mailing_is_made_changed_and_deleted(readers: Group) -> None:
    admin = member(readers.team, "admin")
    rates = {"rate": "2.5", "domain_rates": "GMAIL.com: 5\n\nexample.net: 0.5"}
    made = admin.post(f"{LIST}add/", given(readers, **rates, reply_to="Ann <ann@example.org>"))
    june = Mailing.objects.get()
    assert made.headers["Location"] == path(june)
    assert (june.team, june.rate, june.domain_rates) == (
        readers.team,
        2.5,
        {"gmail.com": 5, "example.net": 0.5},
    )
    assert (june.made_by, june.reply_to, june.state) == (User.objects.get(), "Ann <ann@example.org>", "draft")
    template = monthly(readers.team)
    changed = given(readers, name="July", template=template.pk)
    assert admin.post(path(june, "edit"), changed).status_code == 302
    june.refresh_from_db()
    assert (june.name, june.template, june.subject, june.html) == ("July", template, "", "")
    assert "Delete July?" in text(admin.get(path(june, "discard")))
    assert "The mailing July is deleted." in post(admin, june, "discard")
    assert not Mailing.objects.exists()
    told = AuditEntry.objects.filter(object_kind="mailing").order_by("id")
    assert [each.action.partition(".")[2] for each in told] == ["created", "changed", "deleted"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"group": ""}, "This field is required."),
        ({"subject": ""}, "This is missing: a mailing has a template, or a subject and html or text."),
        ({"html": "<script>pwn()</script>"}, "mail programs run no scripts"),
        ({"html": "{{ contact.name"}, "never closed"),
        ({"from_address": "nobody"}, "address"),
        ({"rate": "0"}, "greater than or equal to 0.001"),
        ({"domain_rates": "gmail.com"}, "write gmail.com: 5"),
        ({"domain_rates": "gmail.com: 0"}, "from 0.001"),
        ({"send_at": "2020-01-01T08:00"}, "This has passed"),
        ({"send_at": "tomorrow"}, "no day and time"),
        ({"on_ambiguous": "guess"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_sent_is_refused_beside_its_field(readers: Group, fields: Any, said: str) -> None:
    answer = member(readers.team, "admin").post(f"{LIST}add/", given(readers, **fields))
    assert said in text(answer), text(answer)
    assert not Mailing.objects.exists()


def test_a_group_without_a_sender_is_asked_for_one(readers: Group) -> None:
    Group.objects.update(from_address="")
    answer = member(readers.team, "admin").post(f"{LIST}add/", given(readers))
    assert "This is missing, and the group has none." in text(answer)


def test_the_time_is_that_of_the_zone_beside_it(readers: Group) -> None:
    admin = member(readers.team, "admin")
    day = f"{timezone.now() + timedelta(days=30):%Y-%m-%d}"
    for number, (zone, hour) in enumerate((("Africa/Lagos", 7), ("Mars/Olympus", 8), ("", 8))):
        fields = {"name": str(number), "send_at": f"{day}T08:00", "zone": zone}
        admin.post(f"{LIST}add/", given(readers, **fields))
        at = Mailing.objects.get(name=str(number)).send_at
        assert at is not None
        assert at.isoformat() == f"{day}T0{hour}:00:00+00:00"


@pytest.mark.parametrize(
    ("at", "zone"),
    [
        ("9999-12-31T23:59", "America/New_York"),
        ("9999-12-31T23:59", "Asia/Tokyo"),
        ("0001-01-01T00:00", "Asia/Tokyo"),
        ("2099-01-02T08:00", ""),
    ],
)
def test_a_time_beyond_a_year_is_refused(readers: Group, at: str, zone: str) -> None:
    admin = member(readers.team, "admin")
    answer = admin.post(f"{LIST}add/", given(readers, send_at=at, zone=zone))
    assert answer.status_code == 200
    assert any(said in text(answer) for said in ("365 days ahead", "no day and time"))
    assert not Mailing.objects.exists()


def test_nothing_of_another_team_is_named(readers: Group) -> None:
    club = mailed.group(1, of=mailed.team("club"), name="secret club")
    template = monthly(club.team)
    admin = member(readers.team, "admin")
    assert "secret club" not in text(admin.get(f"{LIST}add/"))
    for fields in ({"group": club.pk}, {"exclude": [club.pk]}, {"template": template.pk}):
        assert "choice" in text(admin.post(f"{LIST}add/", given(readers, **fields)))
    Member.objects.create(team=club.team, user=User.objects.get(), role="admin")
    for fields in ({"exclude": [club.pk]}, {"template": template.pk}):
        assert "another team than the group" in text(admin.post(f"{LIST}add/", given(readers, **fields)))
    assert not Mailing.objects.exists()


def test_the_preview_beside_the_form_is_that_of_the_first_of_the_group(readers: Group) -> None:
    admin = member(readers.team, "admin")
    fields = given(
        readers, html="<p>Hi {{ contact.first_name }}</p><link rel=stylesheet href='https://x.example'>"
    )
    fields["html"] = "<p>Hi {{ contact.first_name }}</p>"
    shown = admin.post(f"{LIST}compose/", fields).json()
    assert (shown["subject"], shown["html"], shown["faults"]) == ("Hello P1", "<p>Hi P1</p>", [])
    assert admin.post(f"{LIST}compose/", {**fields, "html": "{% if %}"}).json()["faults"]
    nobody = admin.post(f"{LIST}compose/", {**fields, "group": ""}).json()
    assert nobody["faults"] == ["Name the group that gets the mailing."]
    lacking = admin.post(f"{LIST}compose/", {**fields, "html": "{{ contact.data.city }}"}).json()
    assert lacking["missing"] == ["contact.data.city"]
    mailed.Contact.objects.filter(first_name="P1").update(first_name="")
    assert admin.post(f"{LIST}compose/", fields).json()["html"] == "<p>Hi P2</p>"
    mailed.Membership.objects.all().delete()
    assert admin.post(f"{LIST}compose/", fields).json()["html"] == "<p>Hi Ann</p>"
    assert not Mailing.objects.exists()


def test_a_mailing_is_checked_and_started_with_the_number_that_was_shown(readers: Group) -> None:
    mailed.person(readers, "nameless@example.com")
    admin, mailing = member(readers.team, "admin"), mailed.draft(readers)
    assert "Check it next" in page(admin, mailing)
    told = post(admin, mailing, "check")
    assert "Checked and ready to be sent to 3 people. Up to 1 person of them will not get it" in told
    assert "contact.first_name for 1" in told
    assert "sandbox" in told
    asked = text(admin.get(path(mailing, "start")))
    assert "Send News to 3 people?" in asked
    assert "1 person will not get it: what it needs is not known of them" in asked
    assert "Nothing was started." in post(admin, mailing, "start", recipients="2")
    assert "It is being sent to 3 people." in post(admin, mailing, "start", recipients="3")
    mailing.refresh_from_db()
    assert (mailing.state, mailing.by, mailing.key) == ("sending", "admin of shop", None)


def test_a_check_that_is_refused_says_what_lacks(readers: Group, settings: Any) -> None:
    admin, mailing = member(readers.team, "admin"), mailed.draft(readers)
    Group.objects.update(unsubscribe=True)
    settings.GOMAIL_PUBLIC_URL = ""
    assert "GOMAIL_PUBLIC_URL" in post(admin, mailing, "check")
    Group.objects.all().delete()
    assert "This is missing, or was deleted" in post(admin, mailing, "check")
    assert Mailing.objects.get().state == "draft"


def test_a_paused_teams_mailing_is_not_started(readers: Group) -> None:
    admin, mailing = member(readers.team, "admin"), mailed.checked(readers)
    Team.objects.update(paused_at=timezone.now())
    assert "paused" in post(admin, mailing, "start", recipients="2")
    assert Mailing.objects.get().state == "checked"


def test_it_is_paused_resumed_and_cancelled(readers: Group) -> None:
    admin, mailing = member(readers.team, "admin"), mailed.started(readers)
    assert "Paused: 0 of 2 people have been sent it, 2 wait. Paused by admin of shop." in post(
        admin, mailing, "pause"
    )
    assert "That is not possible any more." in post(admin, mailing, "pause")
    assert "It is being sent: 0 of 2 people so far." in post(admin, mailing, "resume")
    assert "2 people who wait will not get it." in text(admin.get(path(mailing, "cancel")))
    assert "Cancelled: nothing more of it is sent." in post(admin, mailing, "cancel")
    asked = admin.get(path(mailing, "cancel"), follow=True)
    assert "that is not possible now" in text(asked)


def test_one_that_waits_for_its_time_says_when(readers: Group) -> None:
    at = timezone.now() + timedelta(days=3)
    admin, mailing = member(readers.team, "admin"), mailed.started(readers, send_at=at)
    assert f"It begins {at:%d %b %Y %H:%M} UTC , for 2 people." in page(admin, mailing)


def test_failed_ones_are_tried_again(readers: Group) -> None:
    admin, mailing = member(readers.team, "admin"), mailed.started(readers)
    rows = MailingRecipient.objects.filter(mailing=mailing)
    rows.update(state="failed", reason="No provider has accepted it.")
    assert "Try failed ones again" not in page(admin, mailing)
    rows.filter(address="p1@example.com").update(reason="render: no name")
    Mailing.objects.update(state="done", finished_at=timezone.now())
    assert "Try failed ones again" in page(admin, mailing)
    assert "It is written again for 1 person." in post(admin, mailing, "retry")
    assert mailed.found(mailing) == {"p1@example.com": "waiting", "p2@example.com": "failed"}


def test_who_got_what_is_searched_and_downloaded(readers: Group) -> None:
    developer, mailing = member(readers.team, "developer"), mailed.started(readers)
    email = Email.objects.create(team=readers.team, from_address="news@example.org")
    rows = MailingRecipient.objects.filter(mailing=mailing)
    rows.filter(address="p1@example.com").update(state="sent", provider="ses", email=email)
    rows.filter(address="p2@example.com").update(state="failed", reason="render: =1+1")
    assert f"/admin/delivery/email/{email.pk}/change/" in developer.get(path(mailing)).content.decode()
    shown = page(developer, mailing, state="failed")
    assert ("p2@example.com" in shown, "p1@example.com" in shown) == (True, False)
    assert "p2@example.com" not in page(developer, mailing, q="P1@")
    assert "Nobody." in page(developer, mailing, q="%", state="nonsense")
    answer: Any = developer.get(path(mailing, "recipients"), {"state": "failed"})
    assert b"".join(answer).decode() == (
        "\ufeffemail;state;reason;provider;possible_duplicate;at\r\n"
        "p2@example.com;failed;render: =1+1;;false;\r\n"
    )


def test_many_recipients_have_several_pages(shop: Team) -> None:
    mailing = mailed.checked(mailed.group(55, of=shop))
    admin = member(shop, "admin")
    first = admin.get(path(mailing)).content.decode()
    assert ("p50@example.com" in first, "p51@example.com" in first) == (True, False)
    last = MailingRecipient.objects.get(address="p50@example.com").pk
    assert f"?after={last}" in first
    assert "p55@example.com" in page(admin, mailing, after=str(last))


def test_a_test_goes_to_ten_at_most_as_a_contact_gets_it(readers: Group) -> None:
    admin, mailing = member(readers.team, "admin"), mailed.draft(readers)
    assert "Name somebody" in post(admin, mailing, "test", contact="p2@example.com")
    assert "no contact with this address" in post(
        admin, mailing, "test", contact="x@x.example", to="a@x.example"
    )
    several = ",".join(f"a{number}@example.org" for number in range(11))
    assert "10 addresses at most" in post(admin, mailing, "test", contact="p2@example.com", to=several)
    assert not Email.objects.exists()
    boxes = "Me <me@example.org>,\nyou@example.org, me@EXAMPLE.org"
    assert "on its way to 2 people" in post(admin, mailing, "test", contact="P2@example.com", to=boxes)
    found = Email.objects.values_list("subject", "team", "mailing", "recipients__address").order_by("id")
    assert list(found) == [
        ("[Test] Hello P2", readers.team_id, None, "me@example.org"),
        ("[Test] Hello P2", readers.team_id, None, "you@example.org"),
    ]


def test_a_test_that_cannot_be_written_says_why(readers: Group) -> None:
    mailed.person(readers, "nameless@example.com")
    admin, mailing = member(readers.team, "admin"), mailed.draft(readers)
    told = post(admin, mailing, "test", contact="nameless@example.com", to="me@example.org")
    assert "Nothing was sent. The template needs what is not given: contact.first_name." in told
    assert not Email.objects.exists()


def test_the_preview_names_what_a_contact_lacks_and_knows_no_other_teams(readers: Group) -> None:
    mailed.person(readers, "nameless@example.com")
    mailed.group(1, of=mailed.team("club"), name="x")
    with transaction.atomic():
        contacts.create(Team.objects.get(name="club"), email="foreign@example.com", first_name="Foreign")
    developer, mailing = member(readers.team, "developer"), mailed.draft(readers)
    shown = developer.post(path(mailing, "written"), {"contact": "p2@example.com"}).json()
    assert shown["subject"] == "Hello P2"
    assert developer.post(path(mailing, "written"), {"contact": "nameless@example.com"}).json()["missing"]
    foreign = developer.post(path(mailing, "written"), {"contact": "foreign@example.com"}).json()
    assert foreign == {"faults": ["There is no contact with this address."]}


def test_no_contact_has_an_address_that_no_database_keeps(readers: Group) -> None:
    mailing, developer = mailed.draft(readers), member(readers.team, "developer")
    shown = developer.post(path(mailing, "written"), {"contact": "p1\x00@example.com"})
    assert shown.json() == {"faults": ["There is no contact with this address."]}
    post(developer, mailing, "test", contact="p1\x00@example.com", to="me@example.org")
    assert not Email.objects.exists()


def test_what_has_begun_is_not_changed(readers: Group) -> None:
    admin, mailing = member(readers.team, "admin"), mailed.started(readers)
    assert "not changed any more" in text(admin.get(path(mailing, "edit"), follow=True))
    admin.post(path(mailing, "edit"), given(readers, name="Other"))
    admin.post(path(mailing, "discard"))
    assert Mailing.objects.get().name == "News"


WRITES = ("edit", "test", "check", "start", "pause", "resume", "retry", "cancel", "discard")


@pytest.mark.parametrize("role", ["viewer", "support", "developer"])
def test_who_may_not_write_mailings_changes_nothing(readers: Group, role: str) -> None:
    mailing, person = mailed.checked(readers), member(readers.team, role)
    reads = role == "developer"
    for word in ("change", "progress", "recipients"):
        assert person.get(path(mailing, word)).status_code == (200 if reads else 403), word
    assert person.get(LIST).status_code == (200 if reads else 403)
    for word in WRITES:
        assert person.post(path(mailing, word), {"recipients": "2"}).status_code == 403, word
    assert person.get(f"{LIST}add/").status_code == 403
    assert person.post(f"{LIST}compose/", given(readers)).status_code == 403
    mailing.refresh_from_db()
    assert (mailing.state, Email.objects.count()) == ("checked", 0)
    if reads:
        assert "Start…" not in page(person, mailing)


def test_bodies_need_the_scope_of_bodies(readers: Group) -> None:
    person, mailing = member(readers.team, "developer"), mailed.draft(readers)
    assert person.get(path(mailing, "try")).status_code == 200
    Member.objects.update(role="support")
    for word in ("try", "written"):
        assert person.post(path(mailing, word)).status_code == 403
    assert member(mailed.team("club"), "admin").post(path(mailing, "written")).status_code == 404


def test_the_contacts_page_tells_which_mailings_they_got(readers: Group) -> None:
    mailing = mailed.started(readers, name="June")
    mailed.checked(readers, name="Not begun")
    person = readers.memberships.earliest("id").contact
    where = f"/admin/delivery/contact/{person.pk}/change/"
    shown = text(member(readers.team, "admin").get(where))
    assert ("June waiting" in shown, "Not begun" in shown) == (True, False)
    assert "June" not in text(member(readers.team, "support").get(where))
    assert path(mailing) not in member(readers.team, "viewer").get(where).content.decode()


def test_the_list_counts_nobody_of_what_is_done(readers: Group, django_assert_num_queries: Any) -> None:
    admin = member(readers.team, "admin")
    for number in range(3):
        mailing = mailed.started(readers, name=f"n{number}")
        Mailing.objects.filter(pk=mailing.pk).update(state="done", finished_at=timezone.now())
    with django_assert_num_queries(6):
        shown = text(admin.get(LIST))
    assert shown.count("2 of 2") == 3


def test_where_there_is_no_mailing_the_list_says_what_comes_first(shop: Team) -> None:
    admin = member(shop, "admin")
    assert "No mailing yet" in text(admin.get(LIST))
    mailed.draft(mailed.group(of=shop))
    assert "No mailing yet" not in text(admin.get(LIST))
    with transaction.atomic():
        states.delete(Mailing.objects.get())
    assert "Bring contacts in by a file done" in text(admin.get(LIST))


def test_what_a_mailing_was_confirmed_with_stays_in_its_group(readers: Group) -> None:
    admin, june = member(readers.team, "admin"), mailed.started(readers)
    where = f"/admin/delivery/group/{readers.pk}/change/"
    group = {"team": readers.team_id, "name": "Readers", "from_address": "ceo@bank.example", "reply_to": ""}
    assert "until that is over" in text(admin.post(where, group))
    readers.refresh_from_db()
    assert readers.from_address == mailed.SENDER
    assert admin.post(where, group | {"from_address": mailed.SENDER}).status_code == 302
    readers.refresh_from_db()
    assert readers.name == "Readers"
    Mailing.objects.filter(pk=june.pk).update(state="done")
    assert admin.post(where, group).status_code == 302


def test_a_group_has_a_signature_of_its_team(readers: Group) -> None:
    admin, other = member(readers.team, "admin"), Team.objects.create(name="other")
    ours, theirs = (Signature.objects.create(team=team, name="S", text="S") for team in (readers.team, other))
    where = f"/admin/delivery/group/{readers.pk}/change/"
    group = {"name": "Readers", "from_address": mailed.SENDER, "reply_to": ""}
    assert "not one of the available" in text(admin.post(where, group | {"signature": theirs.pk}))
    assert admin.post(where, group | {"signature": ours.pk}).status_code == 302
    readers.refresh_from_db()
    assert readers.signature == ours
    mailed.started(readers)
    assert "until that is over" in text(admin.post(where, group | {"signature": ""}))


def test_a_group_that_changed_since_the_check_is_told(readers: Group) -> None:
    admin, june = member(readers.team, "admin"), mailed.checked(readers)
    Group.objects.update(from_address="other@example.org")
    assert "check it anew" in post(admin, june, "start", recipients="2")
    june.refresh_from_db()
    assert june.state == "checked"


@pytest.mark.parametrize("gone", ["sender", "group"])
def test_the_start_of_a_mailing_that_lost_its_sender_says_so(readers: Group, gone: str) -> None:
    admin, june = member(readers.team, "admin"), mailed.checked(readers)
    if gone == "sender":
        Group.objects.update(from_address="")
    else:
        readers.delete()
    answer = admin.get(path(june, "start"), follow=True)
    assert answer.redirect_chain[0][0] == path(june)
    assert "is missing" in text(answer)
    june.refresh_from_db()
    assert june.state == "checked"
