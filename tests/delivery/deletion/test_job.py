"""What waits is cancelled, what a provider has is finished; then the team goes, and its name is free again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from delivery.access import keys
from delivery.db import clock
from delivery.deletion import background, job, orders
from delivery.files import holds, storage
from delivery.models import Attempt, Email, Import, ProviderEvent, Recipient, Team, TeamDeletion
from delivery.sending import outcomes, transitions
from delivery.submission import cancelling, emails
from providers.message import Receipt
from tests.delivery.factories import a_file, draft, left, queued, under_way

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_is_cancelled_before_anything_goes(shop: Team, monkeypatch: Any) -> None:
    monkeypatch.setattr(job, "QUIET", timedelta(minutes=1))
    email = queued(team=shop)
    row = job.run(orders.give(shop, orders.SHELL))
    email.refresh_from_db()
    assert (email.status, row.state, row.counts) == ("cancelled", "waiting", {"cancelled": 1})
    assert row.waits_for == "The last answers are being written down everywhere."


def test_what_a_provider_has_is_finished_and_its_answer_written_down(shop: Team) -> None:
    attempt = under_way(team=shop)
    row = job.run(orders.give(shop, orders.SHELL))
    assert row.waits_for == "Emails that a provider has at this moment: 1. They are finished first."
    assert Email.objects.get().status == "sending"

    attempt.outcome = Attempt.Outcome.ACCEPTED
    transitions.record(attempt.email, outcomes.sent(Receipt(provider="ses", message_id="1")), attempt)
    assert (Email.objects.get().status, Attempt.objects.get().outcome) == ("sent", "accepted")
    assert job.run(row).state == "done"


def test_what_comes_back_from_a_provider_is_cancelled(shop: Team) -> None:
    attempt = under_way(team=shop)
    row = job.run(orders.give(shop, orders.SHELL))
    attempt.outcome = Attempt.Outcome.REFUSED_TEMPORARILY
    transitions.record(attempt.email, outcomes.wait("later", rounds=1), attempt)
    assert Email.objects.get().status == "queued"
    assert job.run(row).state == "done"
    assert row.counts["cancelled"] == 1


def test_the_quiet_begins_anew_when_something_was_under_way_again(shop: Team) -> None:
    row = orders.give(shop, orders.SHELL)
    TeamDeletion.objects.update(still_since=timezone.now())
    under_way(team=shop)
    assert job.run(row).still_since is None


def test_an_import_that_goes_on_is_cancelled(shop: Team, monkeypatch: Any) -> None:
    monkeypatch.setattr(job, "QUIET", timedelta(minutes=1))
    made = Import.objects.create(team=shop, status="running", sha256="0", encoding="utf-8")
    job.run(orders.give(shop, orders.SHELL))
    made.refresh_from_db()
    assert made.status == "cancelled"


def test_a_file_that_another_request_is_about_to_use_is_waited_for(
    shop: Team, providers: None, attachment_folder: Path
) -> None:
    emails.send(draft(attachments=(a_file(b"shared"),)), team=shop)
    row = orders.give(shop, orders.SHELL)
    with holds.until_saved():
        storage.keep(a_file(b"shared"))
        assert job.run(row).waits_for == "A file is about to be used by another team."
        assert Email.objects.count() == 1
    assert job.run(row).state == "done"
    assert left(attachment_folder) == []


def test_an_event_that_came_in_between_goes(shop: Team) -> None:
    email = queued(team=shop, status="sent", due_at=None)
    row = orders.give(shop, orders.SHELL)

    def come(_: TeamDeletion) -> None:
        """Let a transaction that saw the email be committed after it has gone."""
        event = {"account": "ses", "kind": "delivered", "state": "applied", "at": clock.now()}
        ProviderEvent.objects.get_or_create(key="0" * 64, defaults={"email_id": email.pk, **event})

    assert job.run(row, tell=come).state == "done"
    assert not ProviderEvent.objects.exists()


def test_nobody_else_goes_on_with_what_somebody_has(shop: Team) -> None:
    queued(team=shop)
    row = orders.give(shop, orders.SHELL)
    TeamDeletion.objects.update(lease_until=timezone.now() + timedelta(seconds=20))
    assert job.unfinished() == []
    job.run(row)
    assert Email.objects.filter(status="queued").count() == 1


def test_who_has_lost_it_does_nothing_more(shop: Team) -> None:
    for _ in range(3):
        Recipient.objects.create(email=queued(team=shop, status="sent", due_at=None), kind="to")
    row = orders.give(shop, orders.SHELL)
    TeamDeletion.objects.update(still_since=timezone.now())
    row.refresh_from_db()
    seen = []

    def lose(_: TeamDeletion) -> None:
        seen.append(1)
        TeamDeletion.objects.update(epoch=77, lease_until=timezone.now() + timedelta(seconds=20))

    assert job.run(row, tell=lose).state == "running"
    assert (len(seen), TeamDeletion.objects.get().epoch) == (1, 77)
    assert TeamDeletion.objects.get().lease_until is not None


def test_a_worker_ends_it_round_by_round_and_the_name_is_free(shop: Team) -> None:
    keys.issue(shop, scopes=["emails.send"])
    for _ in range(3):
        queued(team=shop)
    orders.give(shop, orders.SHELL)
    background.go_on()
    background.look()
    assert TeamDeletion.objects.get().state == "done"
    key, _ = keys.issue("shop", scopes=["emails.send"])
    assert key.team_id != shop.pk


def test_keys_that_were_revoked_with_it_trouble_nobody_afterwards(shop: Team) -> None:
    keys.issue(shop, scopes=["emails.send"])
    job.run(orders.give(shop, orders.SHELL))
    assert cancelling.finish() == 0
