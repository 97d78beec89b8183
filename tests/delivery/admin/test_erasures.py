"""The page of erasures: a person is forgotten after the address was typed twice, where one may."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from delivery.models import Erasure, Recipient, Team
from tests.delivery.admin import pages
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db
FORGET, LIST = reverse("admin:delivery_erasure_forget"), reverse("admin:delivery_erasure_changelist")
WHO = "zenobia@canary.example"


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ("k" * 32,)


def asked(**more: str) -> dict[str, str]:
    return {"who": WHO, "whose": "all", **more}


def test_it_is_said_what_goes_before_anything_does(admin_client: Client) -> None:
    written(to=(WHO,), status="sent")
    answer = admin_client.post(FORGET, asked())
    assert "Emails to this address: 1. They lose subject, text and files" in pages.text(answer)
    assert not Erasure.objects.exists()


def test_another_address_typed_the_second_time_changes_nothing(admin_client: Client) -> None:
    answer = admin_client.post(FORGET, asked(again="zenobia@canary.example.org"))
    assert "That is another address. Nothing was changed." in pages.text(answer)
    assert not Erasure.objects.exists()


def test_a_person_is_forgotten(admin_client: Client) -> None:
    written(to=(WHO,), status="sent")
    answer = admin_client.post(FORGET, asked(again=f" {WHO.upper()}"), follow=True)
    row = Erasure.objects.get()
    assert (row.state, row.by, row.everywhere) == ("done", "admin", True)
    assert f"Forgotten: {row.digest}" in pages.text(answer)
    assert "emails: 1" in pages.text(answer)
    assert WHO not in answer.content.decode()
    assert Recipient.objects.get().address == row.digest
    assert row.digest in pages.text(admin_client.get(LIST))


@pytest.mark.parametrize("fields", [{"who": "nobody"}, {"whose": "77"}, {"who": ""}])
def test_what_makes_no_sense_is_refused(admin_client: Client, fields: dict[str, str]) -> None:
    assert admin_client.post(FORGET, asked(again=WHO) | fields).status_code == 200
    assert not Erasure.objects.exists()


def test_without_a_key_it_says_what_is_missing(admin_client: Client, settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ()
    assert "GOMAIL_TOMBSTONE_KEYS is not set" in pages.text(admin_client.post(FORGET, asked()))


def test_an_admin_forgets_in_the_own_team_alone() -> None:
    client = pages.reader("admin")
    mine, others = Team.objects.get(name="shop"), Team.objects.create(name="bank")
    for team in (mine, others):
        written(to=(WHO,), status="sent", team=team)
    for whose in ("all", str(others.pk)):
        client.post(FORGET, asked(whose=whose, again=WHO))
    assert not Erasure.objects.exists()
    client.post(FORGET, asked(whose=str(mine.pk), again=WHO))
    assert set(Recipient.objects.values_list("email__team__name", "address")) == {
        ("shop", Erasure.objects.get().digest),
        ("bank", WHO),
    }


@pytest.mark.parametrize("role", ["developer", "support", "viewer"])
def test_other_roles_forget_nobody(role: str) -> None:
    client = pages.reader(role)
    assert [client.get(path).status_code for path in (FORGET, LIST)] == [403, 403]


def test_nobody_changes_or_deletes_one(admin_client: Client) -> None:
    row = Erasure.objects.create(digest="erased:" + "0" * 20)
    change = reverse("admin:delivery_erasure_change", args=[row.pk])
    assert admin_client.post(change, {"by": "x"}).status_code == 403
    assert (
        admin_client.post(
            reverse("admin:delivery_erasure_delete", args=[row.pk]), {"post": "yes"}
        ).status_code
        == 403
    )
