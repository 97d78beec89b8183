"""The worker's thread for mailings: many emails at once, each of which comes to what it would have come to alone."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery.models import Attempt, Email, Limits, Recipient, Suppression, Team
from delivery.sending import attempts, fresh_claims, rounds, suppressed, transitions
from delivery.suppressions import screening
from delivery.workers.bulk import BulkSender
from tests import fakes
from tests.delivery.factories import queued
from tests.providers.fault_server import answer
from tests.servers import eventually

pytestmark = pytest.mark.django_db


def bulk(**changes: Any) -> Email:
    return queued(priority="bulk", **changes)


def work(sender: BulkSender, steps: int = 1) -> None:
    for _ in range(steps):
        sender.step(lambda: True)
        sender.wait(0.01)
    finish(sender)


def finish(sender: BulkSender) -> None:
    while sender.is_busy:
        sender.settle()
        sender.wait(0.01)
    sender.close()


def after_the_claim(monkeypatch: Any, email: Email, **changes: Any) -> None:
    """Change an email while its wave is being prepared."""
    real = suppressed.find_all

    def find_all(bundles: Any) -> Any:
        Email.objects.filter(pk=email.pk).update(**changes)
        return real(bundles)

    monkeypatch.setattr(suppressed, "find_all", find_all)


def statuses() -> list[str]:
    return list(Email.objects.order_by("id").values_list("status", flat=True))


def test_many_go_at_once_and_each_has_its_attempt_and_its_recipients_status() -> None:
    emails = [bulk() for _ in range(3)]
    work(BulkSender(8))

    assert statuses() == ["sent"] * 3
    assert {attempt.email_id: attempt.outcome for attempt in Attempt.objects.all()} == {
        email.pk: "accepted" for email in emails
    }
    assert set(Recipient.objects.values_list("status", flat=True)) == {"accepted"}


def test_no_more_are_begun_than_calls_are_made_at_once() -> None:
    for _ in range(5):
        bulk()
    work(BulkSender(2))

    assert statuses().count("sent") == 2
    assert Attempt.objects.count() == 2


def test_the_next_are_begun_when_some_have_been_answered() -> None:
    for _ in range(5):
        bulk()
    work(BulkSender(2), steps=12)

    assert statuses() == ["sent"] * 5


def test_others_are_begun_while_answers_wait_to_be_settled_up_to_twice_the_calls(
    transactional_db: None,
) -> None:
    for _ in range(6):
        bulk()
    sender = BulkSender(2)
    for _ in range(3):
        sender.begin(lambda: True)
        eventually(lambda: not sender._calls)
    begun = Attempt.objects.count()
    finish(sender)

    assert begun == 4
    assert statuses() == ["sent"] * 4 + ["queued"] * 2


def test_other_mail_is_left_to_the_other_threads() -> None:
    queued()
    work(BulkSender(2))

    assert statuses() == ["queued"]


def test_who_is_suppressed_gets_nothing_and_the_others_do() -> None:
    out, _ = bulk(), bulk()
    Recipient.objects.filter(email=out).update(address="gone@example.org", canonical="gone@example.org")
    Suppression.objects.create(address="gone@example.org", kind="manual", scope="all")
    screening.forget()
    work(BulkSender(2))

    assert statuses() == ["failed", "sent"]


def test_one_that_shows_a_defect_does_not_stop_the_others(monkeypatch: Any) -> None:
    bad, _ = bulk(subject="bad"), bulk()
    real = rounds.prepare

    def prepare(bundle: Any, *others: Any) -> Any:
        return 1 / 0 if bundle.email.pk == bad.pk else real(bundle, *others)

    monkeypatch.setattr(rounds, "prepare", prepare)
    work(BulkSender(2))

    assert statuses() == ["sending", "sent"]


def test_a_claim_that_is_lost_meanwhile_loses_no_other(monkeypatch: Any) -> None:
    lost, _ = bulk(), bulk()
    after_the_claim(monkeypatch, lost, epoch=9)
    work(BulkSender(2))

    assert statuses() == ["sending", "sent"]


def test_a_lease_that_does_not_last_for_an_attempt_is_renewed(monkeypatch: Any) -> None:
    email, soon = bulk(), timezone.now() + timedelta(seconds=20)
    after_the_claim(monkeypatch, email, lease_until=soon)
    sender = BulkSender(2)
    sender.step(lambda: True)
    email.refresh_from_db()
    finish(sender)

    assert email.lease_until is not None
    assert email.lease_until > soon
    assert statuses() == ["sent"]


def test_what_may_have_been_sent_before_is_sent_again_as_such() -> None:
    bulk(possible_duplicate=True)
    work(BulkSender(2))

    assert statuses() == ["sent"]


def test_a_database_that_is_away_leaves_what_was_claimed_to_its_lease(monkeypatch: Any) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("gone")

    bulk()
    sender = BulkSender(2)
    monkeypatch.setattr(fresh_claims, "hold", away)
    with pytest.raises(OperationalError):
        sender.step(lambda: True)
    finish(sender)

    assert statuses() == ["sending"]
    assert not Attempt.objects.exists()


def test_outcomes_that_cannot_be_stored_together_are_stored_one_by_one(monkeypatch: Any) -> None:
    def lost(_: Any) -> Any:
        raise attempts.ClaimLost

    bulk(), bulk()
    monkeypatch.setattr(transitions, "record_plain", lost)
    work(BulkSender(2))

    assert statuses() == ["sent", "sent"]


def test_what_was_sent_of_a_mailing_is_bare_and_counted_no_more_by_the_write_of_its_outcome() -> None:
    team = Team.objects.create(name="shop")
    limits = Limits.objects.create(team=team, stored=1_000)
    bulk(team=team, mailing=uuid4(), text_body="Grüße", html_body="<p>"), bulk(team=team, mailing=uuid4())
    sender = BulkSender(2)
    sender.step(lambda: True)
    eventually(lambda: sender._answered.qsize() == 2)  # they are written down together
    finish(sender)

    assert set(Email.objects.values_list("text_body", "html_body")) == {("", "")}
    assert not Email.objects.filter(body_pruned_at=None).exists()
    limits.refresh_from_db()
    assert limits.stored == 1_000 - len("Grüße".encode()) - len("<p>") - len("Hi\n")


def test_what_is_of_no_mailing_keeps_its_body() -> None:
    bulk(), bulk(mailing=uuid4())
    work(BulkSender(2))

    assert statuses() == ["sent", "sent"]
    assert Email.objects.filter(mailing=None, body_pruned_at=None, text_body="Hi\n").exists()


def test_the_next_provider_gets_what_the_first_did_not_take(
    transactional_db: None, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = answer(503, {})
    bulk(), bulk()
    work(BulkSender(2))

    assert statuses() == ["sent", "sent"]
    assert len(sendgrid.mails) == 2
