import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from delivery.db import outages
from delivery.files import storage
from delivery.models import Attempt, Email
from delivery.queue import claims
from delivery.recovery import rescue
from delivery.sending import rounds, transitions
from delivery.submission import emails
from providers.message import Mailbox, file_of_bytes
from tests import fakes
from tests.delivery.factories import ANN, BOB, EVE, content, draft, queued
from tests.providers.fault_server import answer

pytestmark = pytest.mark.django_db


def test_an_address_named_twice_gets_the_email_once() -> None:
    shouted = Mailbox(address="BOB@example.org")
    email = emails.send(draft(to=(BOB, ANN), cc=(shouted, EVE), bcc=(EVE, ANN)), team=None)

    assert [(r.kind, r.address) for r in email.recipients.all()] == [
        ("to", "bob@example.org"),
        ("to", "ann@example.org"),
        ("cc", "eve@example.org"),
    ]


def test_the_same_file_is_stored_once_for_all_emails(attachment_folder: Any) -> None:
    file = file_of_bytes(b"the same", filename="a.txt", content_type="text/plain")
    for _ in range(3):
        emails.send(draft(attachments=(file,)), team=None)

    assert len([path for path in attachment_folder.rglob("*") if path.is_file()]) == 1
    assert {content(email) for email in Email.objects.all()} == {b"the same"}


def test_a_file_is_never_seen_half_written(attachment_folder: Any, monkeypatch: Any) -> None:
    def break_down(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(storage.os, "fsync", break_down)
    file = file_of_bytes(b"never whole", filename="a.txt", content_type="text/plain")
    with pytest.raises(OSError, match="disk full"):
        emails.send(draft(attachments=(file,)), team=None)

    assert [path for path in attachment_folder.rglob("*") if path.is_file()] == []
    assert Email.objects.count() == 0


def test_two_workers_cannot_have_the_same_email(providers: None, ses: fakes.FakeVendor) -> None:
    email = queued()

    assert rounds.dispatch(email.pk) is not None
    assert rounds.dispatch(email.pk) is None
    assert len(ses.received) == 1


def test_an_email_is_not_handed_over_before_its_time(providers: None, ses: fakes.FakeVendor) -> None:
    email = queued(due_at=timezone.now() + timedelta(minutes=1))

    assert rounds.dispatch(email.pk) is None
    assert ses.received == []


def test_an_email_whose_deadline_has_passed_expires_with_its_recipients(
    ses: fakes.FakeVendor, providers: None
) -> None:
    email = queued(expires_at=timezone.now() - timedelta(seconds=1))

    assert rounds.dispatch(email.pk) is None
    rescue.expire(email)

    email.refresh_from_db()
    assert (email.status, email.recipients.get().status) == ("expired", "expired")


def test_an_orphan_that_was_never_offered_is_due_again() -> None:
    email = orphan()

    rescue.recover(email, {})

    email.refresh_from_db()
    assert (email.status, email.recipients.get().status) == ("queued", "pending")


def test_an_orphan_whose_attempt_had_begun_is_unknown() -> None:
    email = orphan()
    Attempt.objects.create(email=email, provider="ses", epoch=email.epoch)

    rescue.recover(email, {})

    email.refresh_from_db()
    assert (email.status, email.attempts.get().outcome) == ("unknown", "unknown")


def test_a_late_answer_settles_an_email_that_was_given_up_as_unknown(
    providers: None, ses: fakes.FakeVendor, while_ses_works: Callable[[Callable[[], None]], None]
) -> None:
    email = queued()
    while_ses_works(lambda: settle_elsewhere(email))

    rounds.dispatch(email.pk)

    email.refresh_from_db()
    assert (email.status, email.recipients.get().status, email.reason) == (
        "sent",
        "accepted",
        transitions.SETTLED_LATE,
    )
    assert email.attempts.get().outcome == "accepted"


def test_a_database_that_fails_after_the_hand_over_is_no_reason_to_say_that_nothing_was_taken(
    transactional_db: None,
    monkeypatch: Any,
    providers: None,
    while_ses_works: Callable[[Callable[[], None]], None],
    api: fakes.Api,
) -> None:
    monkeypatch.setattr(outages, "INSISTENCE", 0.0)
    broken: list[Any] = []

    def break_the_database() -> None:
        wrapper = connection.execute_wrapper(refuse_updates)
        wrapper.__enter__()
        broken.append(wrapper)

    while_ses_works(break_the_database)
    answer = api.send(subject="Hello")
    broken[0].__exit__(None, None, None)

    assert (answer.status_code, answer.json()["status"]) == (202, "sending")
    email = Email.objects.get(pk=answer.json()["id"])
    assert (email.status, email.attempts.get().outcome) == ("sending", "started")


@pytest.fixture
def while_ses_works(monkeypatch: Any) -> Callable[[Callable[[], None]], None]:
    """Let something happen between the provider's answer and our next write."""
    from providers.ses.adapter import SES

    def arrange(event: Callable[[], None]) -> None:
        real = SES.send

        def send(self: SES, message: Any, attempt_id: str) -> Any:
            receipt = real(self, message, attempt_id)
            event()
            return receipt

        monkeypatch.setattr(SES, "send", send)

    return arrange


def refuse_updates(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith("UPDATE"):
        raise OperationalError("the database has gone away")
    return execute(sql, params, many, context)


def settle_elsewhere(email: Email) -> None:
    """Do what another worker does when the lease is over."""
    Email.objects.filter(pk=email.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    for orphaned in Email.objects.orphaned():
        rescue.recover(orphaned, {})


def orphan() -> Email:
    """Return an email whose process has gone."""
    return queued(status="sending", due_at=None, lease_until=timezone.now() - timedelta(seconds=1))


def test_a_recipient_that_the_provider_rejects_alone_is_told_apart(monkeypatch: Any) -> None:
    from providers.message import Receipt
    from providers.sandbox.adapter import Sandbox

    refused = {"eve@example.org": "mailbox unavailable"}
    receipt = Receipt(provider="sandbox", message_id="1", refused=refused)
    monkeypatch.setattr(Sandbox, "send", lambda *_: receipt)

    email = emails.send(draft(to=(BOB, EVE)), team=None)

    assert (email.status, email.reason) == ("partial", "eve@example.org: mailbox unavailable")
    assert [(r.status, r.reason) for r in email.recipients.all()] == [
        ("accepted", ""),
        ("rejected", "mailbox unavailable"),
    ]


def test_what_became_of_an_attempt_is_written_again_when_the_database_fails_for_a_moment(
    transactional_db: None,
    providers: None,
    while_ses_works: Callable[[Callable[[], None]], None],
    api: fakes.Api,
) -> None:
    failures = [OperationalError("gone"), OperationalError("gone")]

    def fail_twice(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and failures:
            raise failures.pop()
        return execute(sql, params, many, context)

    wrapper = connection.execute_wrapper(fail_twice)
    while_ses_works(wrapper.__enter__)
    answer = api.send(subject="Hello")
    wrapper.__exit__(None, None, None)

    assert (answer.json()["status"], failures) == ("sent", [])


def test_a_worker_that_slept_through_its_lease_offers_nothing(
    providers: None, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    email = queued()
    real = claims.take

    def take_and_sleep(pk: Any) -> Any:
        bundle = real(pk)
        settle_elsewhere(email)
        return bundle

    monkeypatch.setattr(claims, "take", take_and_sleep)

    assert rounds.dispatch(email.pk) is None
    assert (ses.received, email.attempts.count()) == ([], 0)


def test_a_sender_whose_email_was_settled_meanwhile_asks_no_further_provider(
    providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, monkeypatch: Any
) -> None:
    from providers.ses.adapter import SES

    email = queued()
    ses.default = fakes.SES_FAILING
    real = SES.send

    def settle_and_send(self: SES, message: Any, attempt_id: str) -> Any:
        settle_elsewhere(email)
        return real(self, message, attempt_id)

    monkeypatch.setattr(SES, "send", settle_and_send)
    rounds.dispatch(email.pk)

    email.refresh_from_db()
    assert (email.status, sendgrid.received) == ("queued", [])
    assert email.attempts.get().outcome == "not_sent"


def test_an_orphan_is_settled_by_one_process_only() -> None:
    email = orphan()
    stale = Email.objects.get(pk=email.pk)
    rescue.recover(email, {})
    Email.objects.filter(pk=email.pk).update(
        status="sending", lease_until=timezone.now() + timedelta(minutes=1)
    )

    rescue.recover(stale, {})

    email.refresh_from_db()
    assert email.status == "sending"


def test_a_round_begins_no_attempt_when_its_time_is_over(
    providers: None, sendgrid: fakes.FakeVendor, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rounds, "BUDGET", 0.05)
    ses.default = answer(
        503, {"message": "busy"}, {"x-amzn-ErrorType": "ServiceUnavailableException"}, wait=0.2
    )

    email = emails.send(draft(), team=None)

    assert (email.status, sendgrid.received) == ("queued", [])


def test_what_is_due_at_once_is_had_at_once_however_coarse_the_clock_of_the_database() -> None:
    for _ in range(50):
        email = queued(due_at=None)
        Email.objects.filter(pk=email.pk).update(due_at=timezone.now())
        assert claims.take(email.pk)


def test_threads_that_want_the_same_email_get_it_once(transactional_db: None) -> None:
    email = queued()
    barrier = threading.Barrier(8)

    def claim(_: int) -> bool:
        barrier.wait()
        try:
            return claims.take(email.pk) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_a_commit_is_on_disk_when_it_returns() -> None:
    questions = {
        "sqlite": ("PRAGMA journal_mode", "PRAGMA synchronous"),
        "postgresql": ("SHOW synchronous_commit",),
    }
    answers = []
    with connection.cursor() as cursor:
        for question in questions[connection.vendor]:
            cursor.execute(question)
            answers.append(cursor.fetchone()[0])

    assert answers == {"sqlite": ["wal", 2], "postgresql": ["on"]}[connection.vendor]
    assert getattr(connection, "transaction_mode", "IMMEDIATE") == "IMMEDIATE"
