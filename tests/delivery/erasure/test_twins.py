"""Rows that say the same once an address is erased: those that people made stay, each told apart."""

import pytest
from django.db import IntegrityError, transaction

from delivery.content import tombstones
from delivery.erasure import forget, texts
from delivery.models import Contact, Email, Erasure, Group, Team, Template
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db
WHO = "zoe@canary.example"
SPELLINGS = (WHO, "ZOE@canary.example", "Zoe@Canary.example")


def erased() -> str:
    forget.erase(WHO, team=None)
    return tombstones.of(WHO)[0]


def test_groups_that_are_called_by_the_address_stay_all() -> None:
    team = Team.objects.create(name="shop")
    for name in SPELLINGS:
        Group.objects.create(team=team, name=name)
        Group.objects.create(team=None, name=name)
    tombstone = erased()
    for whose in (team, None):
        names = list(Group.objects.filter(team=whose).values_list("name", flat=True))
        assert len(set(names)) == 3
        assert all(name.startswith(tombstone) for name in names)


def test_so_do_teams_and_templates() -> None:
    long = "x" * 60
    for name in SPELLINGS:
        team = Team.objects.create(name=f"{name} {long}")
        Template.objects.create(team=team, kind="template", slug=name, name=name)
    erased()
    assert (Team.objects.count(), Template.objects.count()) == (3, 3)
    assert all(len(team.name) <= 100 for team in Team.objects.all())
    assert not Team.objects.filter(name__icontains="zoe").exists()


def test_a_contact_that_was_erased_before_goes() -> None:
    team = Team.objects.create(name="shop")
    for _ in range(2):
        Contact.objects.create(team=team, email=WHO, email_key=WHO)
        tombstone = erased()
        Erasure.objects.all().delete()
    assert [one.email_key for one in Contact.objects.all()] == [tombstone]


def test_what_the_database_refuses_for_another_reason_is_loud_and_deletes_nothing() -> None:
    email = queued()
    with pytest.raises(IntegrityError), transaction.atomic():
        texts._store(email, {"status": None})
    assert Email.objects.filter(pk=email.pk).exists()
