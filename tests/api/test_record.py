"""What the API tells of an email that waits, or that may have been sent."""

import pytest

from delivery.models import Email, Team
from delivery.routing import circuits
from delivery.sending import unknown
from tests import fakes
from tests.providers.fault_server import reset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def test_an_email_that_nobody_may_be_asked_for_now_is_taken_on_and_says_why(api: fakes.Api) -> None:
    for name in ("ses", "sendgrid"):
        circuits.take_out(name, by="ann")
    answer = api.send(subject="Hello")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.json()["message"].startswith("No provider could take the email now; it is kept")
    shown = api.client.get(answer["Location"], headers=api.headers).json()
    assert shown["reason"] == "ses was taken out of service. sendgrid was taken out of service."
    assert shown["left_out"] == {
        "ses": "ses was taken out of service.",
        "sendgrid": "sendgrid was taken out of service.",
    }
    assert (shown["attempts"], shown["due_at"] is None) == ([], False)


@pytest.mark.parametrize(
    ("policy", "message", "is_sent_again"),
    [
        ("resend", "it will be sent again and marked possible_duplicate", True),
        ("stop", "it is kept and not sent again by itself", False),
    ],
)
def test_an_unknown_outcome_says_whether_the_email_is_sent_again(
    api: fakes.Api, ses: fakes.FakeVendor, policy: str, message: str, is_sent_again: bool
) -> None:
    ses.default = reset()
    answer = api.send(on_ambiguous=policy)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert answer.json()["message"] == f"A provider may or may not have taken the email; {message}"
    shown = api.get(f"emails/{answer.json()['id']}/").json()
    assert (shown["due_at"] is not None) is is_sent_again


def test_an_attempt_shows_its_kind_of_error_and_that_it_was_settled_but_not_by_whom(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    ses.default = reset()
    email = Email.objects.get(pk=api.send(on_ambiguous="stop").json()["id"])
    unknown.confirm(email, by="ann")
    (attempt,) = api.get(f"emails/{email.pk}/").json()["attempts"]
    assert (attempt["error"], attempt["outcome"]) == ("unknown", "accepted")
    assert attempt["settled_at"] is not None
    assert attempt["settled_by"] == "person"
    assert "ann" not in str(attempt | api.get(f"emails/{email.pk}/").json()).replace("ann@example.org", "")


def test_possible_duplicates_are_marked_and_found(api: fakes.Api) -> None:
    team = Team.objects.get(name="tests")
    once, twice = (
        str(Email.objects.create(team=team, from_address="me@example.org", possible_duplicate=again).pk)
        for again in (False, True)
    )
    for word, expected in (("true", [twice]), ("false", [once])):
        found = api.get("emails/", possible_duplicate=word).json()["results"]
        assert [one["id"] for one in found] == expected
        assert [one["possible_duplicate"] for one in found] == [word == "true"]
        assert api.get(f"emails/{expected[0]}/").json()["possible_duplicate"] is (word == "true")


@pytest.mark.parametrize("word", ["yes", "1", "True", "tru"])
def test_a_truth_that_is_none_finds_nothing_but_a_refusal(api: fakes.Api, word: str) -> None:
    answer = api.get("emails/", possible_duplicate=word)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
