"""What the tables themselves refuse, whoever writes to them."""

import pytest
from django.db import IntegrityError

from delivery.models import Contact, Group, Membership, Team

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("has_team", [True, False])
def test_an_address_is_one_contact_of_a_team_and_of_those_without_a_key(has_team: bool) -> None:
    team = Team.objects.create(name="shop") if has_team else None
    Contact.objects.create(team=team, email="Ann@example.org", email_key="ann@example.org")
    with pytest.raises(IntegrityError):
        Contact.objects.create(team=team, email="ann@example.org", email_key="ann@example.org")


def test_two_teams_know_the_same_person() -> None:
    for name in ("shop", "club"):
        team = Team.objects.create(name=name)
        Contact.objects.create(team=team, email="ann@example.org", email_key="ann@example.org")
    assert Contact.objects.count() == 2


@pytest.mark.parametrize("has_team", [True, False])
def test_a_name_is_one_group_of_a_team_and_of_those_without_a_key(has_team: bool) -> None:
    team = Team.objects.create(name="shop") if has_team else None
    Group.objects.create(team=team, name="News")
    with pytest.raises(IntegrityError):
        Group.objects.create(team=team, name="News")


def test_a_contact_is_in_a_group_once() -> None:
    group = Group.objects.create(name="News")
    contact = Contact.objects.create(email="ann@example.org", email_key="ann@example.org")
    Membership.objects.create(group=group, contact=contact)
    with pytest.raises(IntegrityError):
        Membership.objects.create(group=group, contact=contact)
