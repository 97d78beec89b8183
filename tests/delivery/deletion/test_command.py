"""manage.py delete_team: says what goes, asks for the name, and goes on until the team is gone."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from delivery.deletion import job, orders
from delivery.management.commands import delete_team
from delivery.models import AuditEntry, Contact, Email, Team, TeamDeletion
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("delete_team", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("builtins.input", lambda _: answer)


def test_it_says_what_goes_and_deletes_after_the_name_was_typed(shop: Team, monkeypatch: Any) -> None:
    Contact.objects.create(team=shop, email="a@example.org", email_key="a@example.org")
    queued(team=shop)
    answering(monkeypatch, "shop")
    said = run("shop")
    assert "Of them wait to be sent: 1. They are cancelled first." in said
    assert "cancelled: 1\ncontacts: 1\nemails: 1\n" in said
    assert "Done. shop is deleted." in said
    assert not Team.objects.exists()
    assert AuditEntry.objects.get(action="team.deleted").actor_name == "manage.py delete_team"


@pytest.mark.parametrize("answer", ["", "Shop", "yes"])
def test_another_name_changes_nothing(shop: Team, monkeypatch: Any, answer: str) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("shop")
    assert not TeamDeletion.objects.exists()


def test_yes_does_not_ask(shop: Team) -> None:
    assert "Done." in run("shop", "--yes")


def test_there_must_be_such_a_team(db: None) -> None:
    with pytest.raises(CommandError, match="There is no team shop"):
        run("shop", "--yes")


def test_it_goes_on_with_what_was_begun_and_asks_nobody(shop: Team) -> None:
    orders.give(shop, orders.SHELL)
    assert "Done." in run("shop")


def test_it_says_what_it_waits_for_and_leaves_it_to_the_worker(shop: Team, monkeypatch: Any) -> None:
    monkeypatch.setattr(job, "QUIET", timedelta(minutes=1))
    monkeypatch.setattr(delete_team, "_PATIENCE", 0.0)
    Email.objects.create(team=shop, from_address="me@example.org", status="sent", finished_at=timezone.now())
    said = run("shop", "--yes")
    assert "Not done yet. The last answers are being written down everywhere. The worker ends it" in said
    assert Email.objects.exists()


def test_where_nobody_can_be_asked_nothing_is_changed(shop: Team, monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="nobody can be asked here"):
        run("shop")
    assert Team.objects.exists()
