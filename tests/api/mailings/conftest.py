"""The group that most tests of mailings/ write to."""

import pytest

from delivery.models import Contact, Group, Membership, Team
from tests import fakes


@pytest.fixture
def news(api: fakes.Api) -> str:
    """Return the id of a group with Ann in it."""
    team = Team.objects.get(name="tests")
    group = Group.objects.create(team=team, name="News", from_address="News <news@example.org>")
    ann = Contact.objects.create(
        team=team,
        email="ann@example.net",
        email_key="ann@example.net",
        first_name="Ann",
        data={"city": "Wien"},
    )
    Membership.objects.create(group=group, contact=ann)
    return str(group.pk)
