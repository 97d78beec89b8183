"""The worker's thread for mailings while something fails: nothing is lost, counted twice, or left to a lease."""

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery.db import outages
from delivery.models import Attempt, Email, ProviderQuota, Recipient, Suppression
from delivery.routing import governor, permits
from delivery.routing.lines import A_SECOND
from delivery.sending import attempts, scanning, suppressed, transitions
from delivery.suppressions import screening
from delivery.workers.bulk import BulkSender
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def bulk(**changes: Any) -> Email:
    return queued(priority="bulk", **changes)


def finish(sender: BulkSender) -> None:
    give_up = time.monotonic() + 10
    while sender.is_busy and time.monotonic() < give_up:
        sender.settle()
        sender.wait(0.01)
    assert not sender.is_busy
    sender.close()


def statuses() -> list[str]:
    return list(Email.objects.order_by("id").values_list("status", flat=True))


def away(*_: Any, **__: Any) -> Any:
    raise OperationalError("gone")


def test_a_permit_that_cannot_be_asked_for_leaves_no_email_counted(monkeypatch: Any) -> None:
    for _ in range(3):
        bulk()
    sender, real, asked = BulkSender(2), governor.permit, []

    def permit(*arguments: Any) -> Any:
        asked.append(1)
        return away() if len(asked) == 2 else real(*arguments)

    monkeypatch.setattr(governor, "permit", permit)
    with pytest.raises(OperationalError):
        sender.step(lambda: True)
    assert sender._queue._busy["bulk"] == 0

    sender.step(lambda: True)
    finish(sender)
    assert "sent" in statuses()


def test_a_thread_that_cannot_be_started_leaves_no_attempt_that_nobody_makes(monkeypatch: Any) -> None:
    bulk(), bulk(), bulk()
    sender, real, started = BulkSender(3), threading.Thread.start, []

    def start(thread: threading.Thread) -> None:
        started.append(thread)
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    sender.step(lambda: True)
    finish(sender)

    assert Attempt.objects.count() == 1
    assert not Attempt.objects.filter(outcome="started").exists()
    assert sorted(statuses()) == ["queued", "queued", "sent"]


def test_one_that_fails_where_each_begins_alone_loses_none_that_has_begun(monkeypatch: Any) -> None:
    bulk(), bulk(), bulk()
    real, begun = attempts.begin, []

    def lost(*_: Any) -> Any:
        raise attempts.ClaimLost

    def begin(*arguments: Any) -> Any:
        begun.append(1)
        return away() if len(begun) == 2 else real(*arguments)

    monkeypatch.setattr(attempts, "begin_all", lost)
    monkeypatch.setattr(attempts, "begin", begin)
    sender = BulkSender(3)
    sender.step(lambda: True)
    finish(sender)
    assert not Attempt.objects.filter(outcome="started").exists()
    assert "sent" in statuses()


def test_while_the_database_is_away_answers_are_not_insisted_on_one_after_the_other(monkeypatch: Any) -> None:
    bulk(), bulk(), bulk()
    sender = BulkSender(3)
    sender.step(lambda: True)
    time.sleep(0.2)
    later: list[Any] = []
    insisted: list[Any] = []
    with monkeypatch.context() as gone:
        gone.setattr(outages, "INSISTENCE", 0.0)
        gone.setattr(outages, "until_done", later.append)
        gone.setattr(transitions, "record_plain", away)
        gone.setattr(transitions, "record", insisted.append)
        sender.settle()
    assert not insisted
    assert not sender.is_busy
    for action in later:
        action()
    assert statuses() == ["sent"] * 3
    finish(sender)


def test_one_of_which_it_cannot_be_told_who_is_kept_out_does_not_stop_the_others(monkeypatch: Any) -> None:
    bad, _ = bulk(subject="bad"), bulk()
    real = suppressed._explanations

    def explanations(out: Any, gone: Any, left: Any) -> Any:
        return 1 / 0 if left[0].email_id == bad.pk else real(out, gone, left)

    monkeypatch.setattr(suppressed, "_explanations", explanations)
    sender = BulkSender(2)
    sender.step(lambda: True)
    finish(sender)
    assert statuses() == ["sending", "sent"]


def test_who_is_suppressed_while_another_of_the_wave_takes_its_time_gets_nothing(monkeypatch: Any) -> None:
    _, slow, _ = bulk(), bulk(), bulk()
    Recipient.objects.filter(email=slow).update(address="slow@example.org", canonical="slow@example.org")
    real = scanning.insist

    def insist(bundle: Any) -> None:
        real(bundle)
        if bundle.email.pk == slow.pk:
            time.sleep(0.6)
            Suppression.objects.create(address="bob@example.org", kind="manual", scope="all")
            screening.forget()

    monkeypatch.setattr(scanning, "insist", insist)
    sender = BulkSender(3)
    sender.step(lambda: True)
    assert not Attempt.objects.exclude(email=slow).exists()
    finish(sender)
    assert statuses() == ["queued", "sent", "queued"]
    assert set(Email.objects.filter(status="queued").values_list("rounds", flat=True)) == {1}

    sender = BulkSender(3)
    sender.step(lambda: True)
    finish(sender)
    assert statuses() == ["failed", "sent", "failed"]


def test_who_is_suppressed_while_its_own_email_takes_its_time_gets_nothing(monkeypatch: Any) -> None:
    bulk()
    real = scanning.insist

    def insist(bundle: Any) -> None:
        real(bundle)
        monkeypatch.setattr(scanning, "insist", real)
        monkeypatch.setattr(suppressed, "FRESH", 0.0)
        Suppression.objects.create(address="bob@example.org", kind="manual", scope="all")
        screening.forget()

    monkeypatch.setattr(scanning, "insist", insist)
    sender = BulkSender(1)
    sender.step(lambda: True)
    assert statuses() == ["queued"]
    assert Email.objects.get().rounds == 1

    monkeypatch.setattr(suppressed, "FRESH", 60.0)
    sender = BulkSender(1)
    sender.step(lambda: True)
    finish(sender)
    assert statuses() == ["failed"]
    assert not Attempt.objects.exists()


def test_an_email_that_always_takes_its_time_goes_all_the_same(monkeypatch: Any) -> None:
    bulk()
    monkeypatch.setattr(suppressed.Found, "is_fresh", False)
    sender = BulkSender(1)
    sender.step(lambda: True)
    finish(sender)
    assert statuses() == ["sent"]


def test_an_error_of_the_database_at_one_email_leaves_the_others_of_its_wave_alone(monkeypatch: Any) -> None:
    _, bad, _ = bulk(), bulk(), bulk()
    real = scanning.insist

    def insist(bundle: Any) -> None:
        away() if bundle.email.pk == bad.pk else real(bundle)

    monkeypatch.setattr(scanning, "insist", insist)
    sender = BulkSender(3)
    sender.step(lambda: True)
    finish(sender)
    assert statuses() == ["sent", "sending", "sent"]


def test_who_is_kept_out_is_asked_for_each_alone_where_that_fails_for_all_together(monkeypatch: Any) -> None:
    bulk(), bulk()
    monkeypatch.setattr(suppressed, "find_all", away)
    sender = BulkSender(2)
    sender.step(lambda: True)
    finish(sender)
    assert statuses() == ["sent", "sent"]


def test_a_wave_stops_at_the_first_email_for_which_the_database_is_away(monkeypatch: Any) -> None:
    bulk(), bulk()
    asked: list[Any] = []

    def insist(bundle: Any) -> None:
        asked.append(bundle)
        away()

    monkeypatch.setattr(scanning, "insist", insist)
    monkeypatch.setattr(outages, "is_away", lambda: True)
    with pytest.raises(OperationalError):
        BulkSender(2).step(lambda: True)
    assert len(asked) == 1


def test_emails_wait_side_by_side_for_the_moments_of_their_providers_rate(
    transactional_db: None, providers: None, settings: Any, monkeypatch: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    given = {"every": A_SECOND // 20, "told_at": timezone.now()}
    ProviderQuota.objects.update_or_create(provider="ses", defaults=given)
    governor.forget()
    real, called = permits.Permits.begin, list[float]()

    def begin(one: permits.Permits, provider: Any) -> None:
        real(one, provider)
        called.append(time.monotonic())

    monkeypatch.setattr(permits.Permits, "begin", begin)
    for _ in range(3):
        bulk()
    sender = BulkSender(3)
    sender.step(lambda: True)
    assert len(sender._calls) > 1
    while "queued" in statuses():
        sender.wait()
        sender.step(lambda: True)
    finish(sender)

    assert statuses() == ["sent"] * 3
    assert max(called) - min(called) > 0.05  # the first may be 0.04 late
