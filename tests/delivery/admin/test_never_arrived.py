"""What support is told who looks for an email that never arrived."""

from datetime import timedelta

import pytest
from django.test import Client

from delivery.db import clock
from delivery.models import Suppression, Team
from tests.delivery.admin.pages import LIST, reader, text

pytestmark = pytest.mark.django_db
ANN = "ann@example.org"


@pytest.fixture
def support() -> Client:
    """Somebody of the team shop."""
    return reader("admin")


def suppressed(**fields: object) -> Suppression:
    team = Team.objects.get(name="shop")
    return Suppression.objects.create(**{"team": team, "address": ANN, "kind": "hard_bounce", **fields})


@pytest.mark.parametrize("term", ["Ann@Example.org", f"to:{ANN}", f'to:"{ANN}"'])
def test_a_search_for_a_suppressed_address_says_so_where_no_email_is_found(
    support: Client, term: str
) -> None:
    entry = suppressed(reason="550 No such user")
    answer = support.get(LIST, {"q": term})
    assert f"{ANN} gets no mail of shop: bounced, since" in text(answer)
    assert "550 No such user" in text(answer)
    assert f"/admin/delivery/suppression/{entry.pk}/change/" in answer.content.decode()


def test_it_says_which_mail_is_stopped(support: Client) -> None:
    suppressed(kind="unsubscribe", scope="list:news")
    assert f"{ANN} gets no mail for the list news of shop: unsubscribed" in text(
        support.get(LIST, {"q": ANN})
    )


@pytest.mark.parametrize("term", ["ann", "", "to:", "bob@example.org", "@example.org", f"{ANN}\0", "=?x?="])
def test_another_search_says_nothing(support: Client, term: str) -> None:
    suppressed()
    assert "gets no mail" not in text(support.get(LIST, {"q": term}))


def test_what_is_over_or_of_others_is_not_told(support: Client) -> None:
    suppressed(expires_at=clock.now() - timedelta(days=1))
    suppressed(team=Team.objects.create(name="club"), kind="complaint")
    assert "gets no mail" not in text(support.get(LIST, {"q": ANN}))


def test_who_may_not_see_suppressions_is_told_none() -> None:
    without = reader()
    Team.objects.create(name="shop")
    suppressed()
    assert "gets no mail" not in text(without.get(LIST, {"q": ANN}))
