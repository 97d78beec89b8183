"""Emails of a mailing in the log: shown with it, found by it; and no client puts an email into their lane."""

from typing import Any

import pytest

from delivery.models import Email, Mailing, Team
from tests import fakes
from tests.api.mailings.made import error
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def email(mailing: Mailing | None = None) -> Email:
    return queued(team=Team.objects.get(name="tests"), mailing=mailing)


def test_an_email_shows_its_mailing_and_is_found_by_it(api: fakes.Api) -> None:
    one, two = (Mailing.objects.create(team=Team.objects.get(name="tests"), name=name) for name in "ab")
    mine, single = email(one), email()
    listed = api.get("emails/", mailing=str(one.pk)).json()["results"]
    assert [(row["id"], row["mailing"]) for row in listed] == [(str(mine.pk), str(one.pk))]
    assert api.get("emails/", mailing=str(two.pk)).json()["results"] == []
    assert api.get(f"emails/{mine.pk}/").json()["mailing"] == str(one.pk)
    assert api.get(f"emails/{single.pk}/").json()["mailing"] is None


def test_what_is_no_id_is_refused(api: fakes.Api) -> None:
    assert error(api.get("emails/", mailing="june")) == (400, "mailing", "invalid_value")


@pytest.mark.parametrize("priority", ["bulk", "low", True, ["bulk"], {"a": 1}, 5])
def test_no_client_sends_in_the_lane_of_mailings(api: fakes.Api, providers: None, priority: Any) -> None:
    answer = api.send(priority=priority)
    assert (*error(answer), Email.objects.count()) == (400, "priority", "invalid_choice", 0)
    assert ("mailings" in answer.json()["message"]) is (priority == "bulk")


def test_no_batch_and_no_form_does_either(api: fakes.Api, providers: None) -> None:
    one = {"from_address": "me@example.org", "to_addresses": ["ann@example.org"], "priority": "bulk"}
    (row,) = api.post("batches/", {"emails": [one]}).json()["results"]
    assert (row["success"], row["errors"][0]["field"]) == (False, "priority")
    assert error(api.send_form(priority="bulk")) == (400, "priority", "invalid_choice")
    assert Email.objects.count() == 0
