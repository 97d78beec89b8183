"""A team is deleted by its owner after the name was typed; the operator sees how far it is, and its audit."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from delivery.access import pauses
from delivery.deletion import job, orders
from delivery.models import AuditEntry, Contact, Email, Member, Team, TeamDeletion
from tests.delivery.admin import pages
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db
LIST = reverse("admin:delivery_teamdeletion_changelist")
AUDIT = reverse("admin:delivery_auditentry_changelist")


def path(team: Team) -> str:
    return f"/admin/delivery/team/{team.pk}/delete-team/"


@pytest.fixture
def shop(db: None) -> Team:
    return Team.objects.create(name="shop")


def test_the_owner_is_told_what_goes_and_asked_for_the_name(shop: Team) -> None:
    client = pages.reader("owner")
    queued(team=shop)
    said = pages.text(client.get(path(shop)))
    assert "Emails, with their recipients, texts, files and events: 1." in said
    assert "Of them wait to be sent: 1. They are cancelled first." in said
    assert "Members: 1." in said
    assert "The audit stays" in said
    assert "That is another name" not in said


@pytest.mark.parametrize("again", ["", "Shop", "shopp"])
def test_another_name_changes_nothing(shop: Team, again: str) -> None:
    said = pages.text(pages.reader("owner").post(path(shop), {"again": again}))
    assert "That is another name. Nothing was changed." in said
    assert not TeamDeletion.objects.exists()


def test_the_owner_orders_it_and_is_out(shop: Team) -> None:
    client = pages.reader("owner")
    answer = client.post(path(shop), {"again": " shop "})
    assert (answer.status_code, TeamDeletion.objects.get().by) == (200, "reader")
    assert "shop is being deleted" in pages.text(answer)
    assert "/admin/delivery/email/" not in answer.content.decode()
    assert not User.objects.get().is_staff
    assert client.get(path(shop)).status_code in (302, 403)
    assert AuditEntry.objects.get(action="team.deleted").actor_name == "reader"


def test_who_is_in_another_team_goes_on_there(shop: Team) -> None:
    client = pages.reader("owner")
    Member.objects.create(team=Team.objects.create(name="bank"), user=User.objects.get(), role="viewer")
    assert "/admin/delivery/email/" in client.post(path(shop), {"again": "shop"}).content.decode()
    assert client.get("/admin/delivery/email/").status_code == 200


@pytest.mark.parametrize("role", ["admin", "developer", "support", "viewer"])
def test_no_other_role_sees_the_button_or_uses_it(shop: Team, role: str) -> None:
    client = pages.reader(role)
    assert "delete-team" not in client.get(f"/admin/delivery/team/{shop.pk}/change/").content.decode()
    assert [client.get(path(shop)).status_code, client.post(path(shop), {"again": "shop"}).status_code] == [
        403,
        403,
    ]
    assert client.get(LIST).status_code == 403
    assert not TeamDeletion.objects.exists()


def test_an_owner_sees_the_button_of_the_own_team_alone(shop: Team) -> None:
    client, other = pages.reader("owner"), Team.objects.create(name="bank")
    assert "delete-team" in client.get(f"/admin/delivery/team/{shop.pk}/change/").content.decode()
    answers = [client.post(path(team), {"again": "bank"}) for team in (other, Team(pk=999_999))]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert not TeamDeletion.objects.exists()
    Member.objects.create(team=other, user=User.objects.get(), role="admin")
    assert client.post(path(other), {"again": "bank"}).status_code == 404
    assert not TeamDeletion.objects.exists()


def test_the_operator_follows_it(admin_client: Client, shop: Team) -> None:
    Contact.objects.create(team=shop, email="a@example.org", email_key="a@example.org")
    Email.objects.create(team=shop, from_address="me@example.org", status="sending")
    answer = admin_client.post(path(shop), {"again": "shop"}, follow=True)
    said = pages.text(answer)
    assert "emails: 0 of 1 · contacts: 0 of 1" in said
    assert "is being deleted" in pages.text(admin_client.get("/admin/delivery/team/"))
    row = job.run(TeamDeletion.objects.get())
    shown = admin_client.get(reverse("admin:delivery_teamdeletion_progress", args=[row.pk]))
    assert "Emails that a provider has at this moment: 1." in pages.text(shown)
    assert 'data-going="yes"' in shown.content.decode()
    assert "Emails that a provider has at this moment: 1." in pages.text(admin_client.get(LIST))


def test_a_pause_of_it_does_not_end(admin_client: Client, shop: Team) -> None:
    orders.give(shop, orders.SHELL)
    answer = admin_client.post(f"/admin/delivery/team/{shop.pk}/pause/", {"order": "resume"}, follow=True)
    assert "This team is being deleted." in pages.text(answer)
    with pytest.raises(pauses.Paused):
        pauses.refuse(Team.objects.get())


def test_no_key_and_no_invitation_is_made_for_it(admin_client: Client, shop: Team) -> None:
    orders.give(shop, orders.SHELL)
    key = {"team_name": "shop", "called": "", "granted": ["emails.read"], "senders": ""}
    invitation = {"team": shop.pk, "who": "eve@example.org", "given": "owner"}
    for page, fields in (("apikey", key), ("invitation", invitation)):
        answer = admin_client.post(f"/admin/delivery/{page}/add/", fields)
        assert "This team is being deleted." in pages.text(answer), page


def test_the_operator_reads_its_audit_under_its_name(admin_client: Client, shop: Team) -> None:
    orders.give(shop, orders.SHELL)
    Team.objects.filter(pk=shop.pk).delete()
    TeamDeletion.objects.update(finished_at="2026-11-28T12:00:00Z")
    entry = AuditEntry.objects.get(action="team.deleted")
    listed = admin_client.get(f"{AUDIT}?team__id__exact={shop.pk}")
    assert "shop, deleted" in pages.text(listed)
    assert str(entry.pk) in listed.content.decode()
    page = admin_client.get(reverse("admin:delivery_auditentry_change", args=[entry.pk]))
    assert "shop, deleted" in pages.text(page)
    done = TeamDeletion.objects.get()
    assert (
        f"?team__id__exact={shop.pk}"
        in admin_client.get(reverse("admin:delivery_teamdeletion_change", args=[done.pk])).content.decode()
    )


def test_nobody_changes_or_deletes_the_proof(admin_client: Client, shop: Team) -> None:
    row = orders.give(shop, orders.SHELL)
    for page in ("change", "delete"):
        answer = admin_client.post(
            reverse(f"admin:delivery_teamdeletion_{page}", args=[row.pk]), {"post": "yes"}
        )
        assert answer.status_code == 403
    assert TeamDeletion.objects.exists()
