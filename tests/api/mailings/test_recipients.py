"""mailings/{id}/recipients/: who gets it and what became of each, in pages and as a file."""

import csv
import io
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Contact, Mailing, MailingRecipient, Team
from tests import fakes
from tests.api.mailings.made import error

pytestmark = pytest.mark.django_db
State = MailingRecipient.State


@pytest.fixture
def sent(api: fakes.Api) -> str:
    """Return the id of a mailing whose recipients are in several states."""
    team = Team.objects.get(name="tests")
    mailing = Mailing.objects.create(team=team, name="June", state="sending", recipient_count=4)
    contact = Contact.objects.create(team=team, email="Ann@example.net", email_key="ann@example.net")
    rows: list[dict[str, Any]] = [
        {"address": "Ann@example.net", "state": State.DELIVERED, "provider": "ses", "contact": contact},
        {"address": "bob@example.net", "state": State.FAILED, "reason": "render: contact.city is missing"},
        {"address": "=1+1@example.net", "state": State.SENT, "provider": "ses", "possible_duplicate": True},
        {"address": "eve_x@example.net", "state": State.WAITING},
    ]
    now = timezone.now()
    for row in rows:
        at = None if row["state"] == State.WAITING else now
        MailingRecipient.objects.create(mailing=mailing, at=at, **row)
    other = Mailing.objects.create(team=team, name="Other", state="sending")
    MailingRecipient.objects.create(mailing=other, address="ann@example.net")
    return str(mailing.pk)


def addresses(api: fakes.Api, pk: str, **query: str) -> list[str]:
    return [row["email"] for row in api.get(f"mailings/{pk}/recipients/", **query).json()["results"]]


def lines(api: fakes.Api, pk: str, **query: str) -> list[list[str]]:
    answer = api.get(f"mailings/{pk}/recipients/", format="csv", **query)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    text = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text), delimiter=query.get("delimiter", ",")))


def test_each_is_shown_with_what_became_of_it(api: fakes.Api, sent: str) -> None:
    *_, ann = api.get(f"mailings/{sent}/recipients/").json()["results"]
    assert ann | {"at": 0} == {
        "contact": str(Contact.objects.get().pk),
        "email": "Ann@example.net",
        "state": "delivered",
        "reason": "",
        "provider": "ses",
        "possible_duplicate": False,
        "at": 0,
        "email_id": None,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["eve_x@example.net", "=1+1@example.net", "bob@example.net", "Ann@example.net"]),
        ({"state": "failed"}, ["bob@example.net"]),
        ({"state": "unknown"}, []),
        ({"address": "ann@EXAMPLE.net"}, ["Ann@example.net"]),
        ({"address": "ann"}, []),
        ({"q": "AN"}, ["Ann@example.net"]),
        ({"q": "eve_"}, ["eve_x@example.net"]),
        ({"q": "%"}, []),
        ({"possible_duplicate": "true"}, ["=1+1@example.net"]),
        ({"render_failures": "true"}, ["bob@example.net"]),
        ({"render_failures": "false", "state": "failed"}, []),
        ({"state": "sent", "possible_duplicate": "false"}, []),
    ],
)
def test_they_are_filtered_in_pages_and_in_the_file_alike(
    api: fakes.Api, sent: str, query: dict[str, str], found: list[str]
) -> None:
    assert addresses(api, sent, **query) == found
    exact = lines(api, sent, for_spreadsheet="false", **query)
    assert [line[0] for line in exact[1:]] == list(reversed(found))


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"status": "sent"}, "status", "unknown_field"),
        ({"state": "gone"}, "state", "invalid_choice"),
        ({"possible_duplicate": "yes"}, "possible_duplicate", "invalid_choice"),
        ({"q": "a\x00"}, "q", "control_character"),
        ({"format": "xlsx"}, "format", "invalid_choice"),
        ({"format": "csv", "delimiter": "x"}, "delimiter", "invalid_choice"),
        ({"format": "csv", "for_spreadsheet": "1"}, "for_spreadsheet", "invalid_choice"),
    ],
)
def test_a_filter_that_does_not_exist_is_named(
    api: fakes.Api, sent: str, query: dict[str, str], field: str, code: str
) -> None:
    assert error(api.get(f"mailings/{sent}/recipients/", **query)) == (400, field, code)


def test_pages_follow_each_other(api: fakes.Api, sent: str) -> None:
    first = api.get(f"mailings/{sent}/recipients/", page_size="3").json()
    second = api.client.get(first["next"], headers=api.headers).json()
    assert [len(first["results"]), len(second["results"]), second["next"]] == [3, 1, None]


def test_nothing_in_the_file_is_computed_unless_it_is_to_be_exact(api: fakes.Api, sent: str) -> None:
    safe = lines(api, sent)
    assert safe[0] == ["email", "state", "reason", "provider", "possible_duplicate", "at"]
    assert [line[:5] for line in safe[1:]] == [
        ["Ann@example.net", "delivered", "", "ses", "false"],
        ["bob@example.net", "failed", "render: contact.city is missing", "", "false"],
        ["'=1+1@example.net", "sent", "", "ses", "true"],
        ["eve_x@example.net", "waiting", "", "", "false"],
    ]
    assert [bool(line[5]) for line in safe[1:]] == [True, True, True, False]
    assert lines(api, sent, for_spreadsheet="false", delimiter=";")[3][0] == "=1+1@example.net"


def test_a_draft_has_no_recipients_whatever_an_earlier_check_wrote(api: fakes.Api, sent: str) -> None:
    Mailing.objects.filter(pk=sent).update(state="draft")
    assert addresses(api, sent) == []
    assert len(lines(api, sent)) == 1
    assert sum(api.get(f"mailings/{sent}/").json()["counts"].values()) == 0


def test_the_mailing_counts_them(api: fakes.Api, sent: str) -> None:
    Mailing.objects.filter(pk=sent).update(pace=0.5)
    shown = api.get(f"mailings/{sent}/").json()
    assert {state: count for state, count in shown["counts"].items() if count} == {
        "waiting": 1,
        "sent": 1,
        "delivered": 1,
        "failed": 1,
    }
    assert (shown["recipients"], shown["processed"], shown["eta_seconds"]) == (4, 3, 2)


def test_who_started_it_is_told_of_keys_alone(api: fakes.Api, sent: str) -> None:
    for by, told in (("ann@example.org", "person"), ("gm_live_abcdefgh", "gm_live_abcdefgh"), ("", "")):
        Mailing.objects.filter(pk=sent).update(by=by)
        assert api.get(f"mailings/{sent}/").json()["by"] == told
