"""The journal of each machine forgets a deleted team's recipients, and takes nothing that went with it for lost."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from delivery import journal
from delivery.db import clock
from delivery.deletion import background, job, journals, orders
from delivery.journal import Entry
from delivery.models import Attempt, Team
from delivery.queue import watermark
from tests.delivery.factories import journal_files, under_way

pytestmark = pytest.mark.django_db(transaction=True)
WHO = "zenobia@canary.example"
REFUSED = {WHO: f'550 "{WHO}" is unknown, 5\u20ac'}


def said(team: str, **changes: Any) -> Entry:
    """Write a line as an attempt does."""
    given: dict[str, Any] = {
        "attempt": str(uuid4()),
        "outcome": "accepted",
        "email": str(uuid4()),
        "team": team,
        "provider": "ses",
        "recipients": "abc123",
        "at": clock.now().isoformat(),
        "detail": f"told {WHO} so",
        "refused": REFUSED,
        **changes,
    }
    entry = Entry(**given)
    journal.release(journal.write(entry))
    return entry


def lines(folder: Path) -> list[Entry]:
    return [entry for file in journal_files(folder) for entry in journal.read(file)]


def test_a_line_says_whose_it_is(shop: Team, providers: None, journal_folder: Path) -> None:
    from delivery.submission import emails
    from tests.delivery.factories import draft

    emails.send(draft(), team=shop)
    emails.send(draft(), team=None)
    assert [entry.team for entry in lines(journal_folder)] == [str(shop.pk), journal.NOBODY]


def test_what_it_says_of_people_is_overwritten_letter_for_letter(shop: Team, journal_folder: Path) -> None:
    mine, others = said(str(shop.pk)), said("77")
    (file,) = journal_files(journal_folder)
    before = file.read_bytes()

    assert journals.overwrite([shop.pk]) == 1

    after = file.read_bytes()
    assert [len(line) for line in after.splitlines()] == [len(line) for line in before.splitlines()]
    first, second = lines(journal_folder)
    assert WHO not in str(first)
    assert (first.attempt, first.outcome, first.provider, first.refused) == (
        mine.attempt,
        "accepted",
        "ses",
        {},
    )
    assert second == others
    assert journals.overwrite([shop.pk]) == 0


@pytest.mark.parametrize("detail", ["accepted", "ses", 'quo"te', "back\\slash", "\u20ac", "", '"detail":"x"'])
def test_whatever_a_vendor_said_the_line_stays_json(detail: str) -> None:
    line = journal.line(
        Entry(attempt=str(uuid4()), outcome="accepted", provider="ses", detail=detail)
    ).encode()
    after = journals.without(line)
    assert len(after) == len(line)
    assert {**json.loads(after), "detail": ""} == {**json.loads(line), "detail": ""}
    assert not detail or json.loads(after)["detail"].strip(".") == ""


def test_lines_of_the_version_before_are_overwritten_while_the_emails_are_there(
    shop: Team, journal_folder: Path
) -> None:
    attempt = under_way(team=shop, status="sent", outcome="accepted")
    said("", attempt=str(attempt.pk), email=str(attempt.email_id))
    job.run(orders.give(shop, orders.SHELL))
    assert WHO not in str(lines(journal_folder))


def test_another_machine_overwrites_its_own(shop: Team, journal_folder: Path) -> None:
    job.run(orders.give(shop, orders.SHELL))
    journals._overwritten = journals._Overwritten()  # another process
    said(str(shop.pk))
    background.look()
    assert WHO not in str(lines(journal_folder))


def test_an_answer_that_the_database_lacks_is_left_as_it_is(shop: Team, journal_folder: Path) -> None:
    attempt = under_way(team=shop)
    said(str(shop.pk), attempt=str(attempt.pk), email=str(attempt.email_id))
    assert journals.overwrite([shop.pk]) == 0


@pytest.mark.parametrize("named", [True, False], ids=["of this version", "of the version before"])
def test_attempts_that_went_with_their_team_prove_no_older_state(shop: Team, named: bool) -> None:
    watermark.look()
    attempt = under_way(team=shop, status="sent", outcome="accepted")
    said(str(shop.pk) if named else "", attempt=str(attempt.pk), email=str(attempt.email_id))
    job.run(orders.give(shop, orders.SHELL))  # before any process of this machine has looked
    assert not Attempt.objects.exists()
    watermark.look()
    assert watermark.held_before() is None


def test_attempts_of_others_still_do(shop: Team) -> None:
    watermark.look()
    job.run(orders.give(shop, orders.SHELL))
    said("77")
    watermark.look()
    assert watermark.held_before()


def test_what_an_old_process_writes_after_the_deletion_still_does(shop: Team) -> None:
    watermark.look()
    job.run(orders.give(shop, orders.SHELL))
    said("")
    watermark.look()
    assert watermark.held_before()
