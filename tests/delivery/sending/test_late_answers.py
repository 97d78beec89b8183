"""Answers that come when the claim is over, words that no database takes, and databases that are away for a moment."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import InternalError, OperationalError
from django.utils import timezone

from delivery import journal
from delivery.content.drafts import Draft
from delivery.erasure import forget
from delivery.models import Circuit, Email, Erasure
from delivery.queue import claims
from delivery.routing import circuit_cache, circuits
from delivery.sending import rounds, unknown
from delivery.submission import emails
from delivery.workers import loop
from providers.errors import CannotCarry, Unavailable
from providers.message import Mailbox, Receipt
from tests import fakes
from tests.delivery.factories import queued
from tests.providers.fault_server import Fault, answer, reset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
BOB = Mailbox(address="bob@example.com")


def send(**changes: Any) -> Email:
    me = Mailbox(address="me@example.org")
    return emails.send(Draft(sender=me, to=(BOB,), subject="Hello", text="Hi", **changes), team=None)


@pytest.fixture
def before_ses_answers(monkeypatch: Any) -> Callable[[Callable[[], Any]], None]:
    """Let something happen once, after SES has got the mail and before we hear its answer."""
    from providers.ses.adapter import SES

    def arrange(event: Callable[[], Any]) -> None:
        real, events = SES.send, [event]

        def send(self: SES, message: Any, attempt_id: str) -> Any:
            try:
                return real(self, message, attempt_id)
            finally:
                if events:
                    events.pop()()

        monkeypatch.setattr(SES, "send", send)

    return arrange


def lease_ends() -> None:
    Email.objects.filter(status="sending").update(lease_until=timezone.now() - timedelta(seconds=1))
    loop.clean_up()


def due_again() -> None:
    Email.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_late_acceptance_after_a_person_said_not_sent_stops_the_second_copy(
    ses: fakes.FakeVendor, before_ses_answers: Any
) -> None:
    before_ses_answers(lambda: (lease_ends(), unknown.deny(Email.objects.get(), by="anna")))
    email = send()

    due_again()
    assert rounds.dispatch(email.pk) is None
    email.refresh_from_db()
    assert (email.status, email.recipients.get().status, len(ses.received)) == ("sent", "accepted", 1)


def test_a_late_acceptance_after_the_second_copy_marks_the_email(
    ses: fakes.FakeVendor, before_ses_answers: Any
) -> None:
    def denied_and_sent_again() -> None:
        lease_ends()
        email = Email.objects.get()
        unknown.deny(email, by="anna")
        rounds.dispatch(email.pk)

    before_ses_answers(denied_and_sent_again)
    email = send()

    assert (email.status, email.possible_duplicate, len(ses.received)) == ("sent", True, 2)


def test_a_late_answer_does_not_overwrite_a_persons_word(
    ses: fakes.FakeVendor, before_ses_answers: Any
) -> None:
    ses.script(fakes.SES_FAILING)
    before_ses_answers(lambda: (lease_ends(), unknown.confirm(Email.objects.get(), by="anna")))
    email = send()

    attempt = email.attempts.get()
    assert (email.status, attempt.outcome, attempt.settled_by) == ("sent", "accepted", "anna")
    assert "InternalServerErrorException" in attempt.detail


def test_a_late_acceptance_ends_the_doubt_of_a_resend_that_came_to_nothing(
    ses: fakes.FakeVendor, settings: Any, before_ses_answers: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)

    def resend_in_vain() -> None:
        lease_ends()
        due_again()
        ses.script(Fault(read="all", end="reset"))
        email = Email.objects.get()
        claims.take(email.pk)  # and while the resend is under way the first answer comes

    before_ses_answers(resend_in_vain)
    email = send()
    assert email.status == "sending"
    lease_ends()

    email.refresh_from_db()
    assert (email.status, email.provider, len(ses.received)) == ("sent", "ses", 1)


def test_a_late_no_sends_what_had_been_given_up_although_it_must_not_be_sent_twice(
    ses: fakes.FakeVendor, before_ses_answers: Any
) -> None:
    ses.script(fakes.SES_FAILING)
    before_ses_answers(lease_ends)
    email = send(on_ambiguous="stop")

    assert (email.status, email.possible_duplicate) == ("queued", False)
    due_again()
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    assert email.status == "sent"


def test_an_email_that_the_resting_provider_could_carry_waits_for_it(monkeypatch: Any) -> None:
    from providers.sendgrid.adapter import SendGrid

    circuits.take_out("ses", by="anna")
    monkeypatch.setattr(SendGrid, "send", raising(CannotCarry("sendgrid does not take it")))

    assert send().status == "queued"


def test_when_all_were_asked_and_none_can_carry_it_the_email_has_failed(monkeypatch: Any) -> None:
    from providers.sendgrid.adapter import SendGrid
    from providers.ses.adapter import SES

    for vendor in (SES, SendGrid):
        monkeypatch.setattr(vendor, "send", raising(CannotCarry("no")))

    assert send().status == "failed"


def test_an_email_waits_for_the_first_provider_that_may_be_asked(monkeypatch: Any) -> None:
    from providers.sendgrid.adapter import SendGrid

    soon = timezone.now() + timedelta(seconds=40)
    Circuit.objects.create(provider="ses", state="open", trouble="failing", retry_at=soon)
    circuit_cache.forget()
    monkeypatch.setattr(SendGrid, "send", raising(Unavailable("down", retry_after=3000)))
    email = send()

    assert email.due_at is not None
    assert abs(email.due_at - soon) < timedelta(seconds=10)


def test_a_database_that_is_away_between_two_providers_loses_no_answer(
    transactional_db: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, monkeypatch: Any
) -> None:
    ses.default = fakes.SES_FAILING
    real, failures = circuit_cache.of, [OperationalError("gone"), InternalError("read-only")]

    def of(name: str, domain: str) -> Any:
        if name == "sendgrid" and failures:
            raise failures.pop()
        return real(name, domain)

    monkeypatch.setattr(circuit_cache, "of", of)
    email = send()

    assert (email.status, email.provider, failures) == ("sent", "sendgrid", [])


def test_learning_from_an_answer_never_harms_the_answer(
    ses: fakes.FakeVendor, before_ses_answers: Any
) -> None:
    past = timezone.now() - timedelta(minutes=2)
    Circuit.objects.create(provider="ses", state="open", trouble="failing", retry_at=past)
    before_ses_answers(lambda: Circuit.objects.all().delete())

    assert send().status == "sent"


@pytest.mark.parametrize("letter", ["\x00", "\ud800"], ids=["NUL", "half a character"])
def test_words_that_no_database_takes_harm_no_acceptance(monkeypatch: Any, letter: str) -> None:
    from providers.ses.adapter import SES

    refused = {"eve@example.org": f"mailbox{letter}gone"}
    receipt = Receipt(provider="ses", message_id="1", refused=refused, account_problem=f"sus{letter}pended")
    monkeypatch.setattr(SES, "send", lambda *_: receipt)
    email = send(cc=(Mailbox(address="eve@example.org"),))

    assert (email.status, Circuit.objects.get().state) == ("partial", "open")
    assert [row.status for row in email.recipients.all()] == ["accepted", "rejected"]


def test_a_late_probe_does_not_end_the_probe_of_another() -> None:
    past = timezone.now() - timedelta(minutes=2)
    row = Circuit.objects.create(provider="ses", state="open", trouble="failing", retry_at=past)
    lost = circuits.take_probe(row)
    Circuit.objects.update(retry_at=past)
    assert circuits.take_probe(row)
    assert lost is not None
    circuits.close("ses", lost)
    circuits.release("ses", lost)

    row.refresh_from_db()
    assert row.state == "probing"


def test_a_probe_whose_email_is_lost_is_given_back(monkeypatch: Any) -> None:
    past = timezone.now() - timedelta(minutes=2)
    Circuit.objects.create(provider="ses", state="open", trouble="failing", retry_at=past)
    circuit_cache.forget()
    email = queued()
    monkeypatch.setattr(unknown, "asked_first", lambda email, able: (lose(email), able)[1])
    rounds.dispatch(email.pk)

    assert Circuit.objects.get().state == "open"


def test_being_left_alone_is_no_round() -> None:
    circuits.take_out("ses", by="anna")
    circuits.take_out("sendgrid", by="anna")
    email = queued(rounds=1)
    for _ in range(5):
        due_again()
        rounds.dispatch(email.pk)

    email.refresh_from_db()
    assert (email.rounds, email.status) == (1, "queued")
    assert email.due_at is not None
    assert email.due_at <= timezone.now() + timedelta(seconds=61)


def test_what_was_noted_of_senders_is_forgotten_in_the_end() -> None:
    old = timezone.now() - timedelta(days=2)
    Circuit.objects.create(provider="ses", sender_domain="old.example", state="open", retry_at=old)
    Circuit.objects.create(provider="ses", sender_domain="new.example", state="open", retry_at=timezone.now())
    Circuit.objects.create(provider="ses", state="open", trouble="failing", retry_at=old)
    loop.clean_up()

    assert set(Circuit.objects.values_list("sender_domain", flat=True)) == {"", "new.example"}


def lose(email: Email) -> None:
    Email.objects.filter(pk=email.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def test_a_late_answer_does_not_bring_an_erased_address_back(
    settings: Any, ses: fakes.FakeVendor, before_ses_answers: Callable[[Callable[[], Any]], None]
) -> None:
    def erase() -> None:
        lease_ends()
        forget.erase(BOB.address, team=None)

    settings.GOMAIL_TOMBSTONE_KEYS = ("k" * 32,)
    said = {"message": f"Bad <{BOB.address}> and 'bob@example.com'"}
    ses.script(answer(400, said, {"x-amzn-ErrorType": "MessageRejected"}))
    before_ses_answers(erase)
    email = send()
    mark = Erasure.objects.get().digest
    assert (email.recipients.get().address, Erasure.objects.get().state) == (mark, "done")
    assert f"Bad <{mark}> and '{mark}'" in email.attempts.get().detail
    assert BOB.address not in Email.objects.get().reason


def test_the_journal_knows_the_reason_that_the_email_has(ses: fakes.FakeVendor) -> None:
    ses.script(reset())
    email = send(on_ambiguous="stop")
    (entry,) = journal.remembered().values() or journal.known().values()
    assert (email.status, entry.detail) == ("unknown", email.attempts.get().detail)
    assert (entry.reason, entry.detail.startswith(entry.reason)) == (email.reason, True)


def test_an_answer_that_comes_when_the_claim_is_lost_is_told_in_words(
    before_ses_answers: Any, monkeypatch: Any
) -> None:
    from providers.ses.adapter import SES

    away = Unavailable("It is away. OSError: gone", reason="It is away.")
    monkeypatch.setattr(SES, "send", raising(away))
    before_ses_answers(lease_ends)
    email = send(on_ambiguous="stop")
    assert (email.status, email.reason, email.attempts.get().detail) == ("queued", away.reason, away.detail)
