"""An event proves that the vendor has the mail: it settles an attempt in doubt, and wins over a timeout or a crash."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.content.drafts import Draft
from delivery.doctor import walk
from delivery.models import Attempt, Circuit, Email, Suppression
from delivery.routing import circuit_cache
from delivery.sending import rounds, suppressed, unknown
from delivery.submission import emails
from delivery.workers import loop
from providers.events import Trouble
from providers.ses.adapter import SES
from tests import fakes
from tests.delivery.events.told import first, tell
from tests.delivery.factories import ANN, BOB, under_way
from tests.providers.fault_server import Fault

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
LOST = Fault(read="all", end="reset")
PROOFS = (
    "accepted",
    "deferred",
    "delivered",
    "bounced",
    "suppressed",
    "rejected",
    "complained",
    "opened",
    "clicked",
)


def send(**changes: Any) -> Email:
    return emails.send(Draft(sender=ANN, to=(BOB,), subject="Hello", text="Hi", **changes), team=None)


def unknown_attempt(ses: fakes.FakeVendor) -> Attempt:
    ses.script(LOST)
    return send().attempts.get()


def due_again() -> None:
    Email.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def while_ses_is_asked(monkeypatch: Any) -> Callable[[Callable[[Attempt], object]], None]:
    """Let something happen once SES has got the mail, and before we hear its answer."""

    def arrange(happens: Callable[[Attempt], object]) -> None:
        real = SES.send

        def send(self: SES, message: Any, attempt_id: str) -> Any:
            try:
                return real(self, message, attempt_id)
            finally:
                happens(Attempt.objects.get(pk=attempt_id))

        monkeypatch.setattr(SES, "send", send)

    return arrange


@pytest.mark.parametrize("kind", PROOFS)
def test_an_event_settles_an_unknown_email(ses: fakes.FakeVendor, kind: str) -> None:
    attempt = unknown_attempt(ses)
    tell(attempt, kind)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.settled_by) == ("accepted", f"event:{kind}")
    assert (attempt.email.status, attempt.email.provider, attempt.email.due_at) == ("sent", "ses", None)


def test_a_resend_that_waits_is_called_off(ses: fakes.FakeVendor) -> None:
    attempt = unknown_attempt(ses)
    tell(attempt, "accepted")
    due_again()
    assert rounds.dispatch(attempt.email_id) is None
    assert len(ses.received) == 1


def test_a_mail_opened_by_a_machine_proves_nothing(ses: fakes.FakeVendor) -> None:
    attempt = unknown_attempt(ses)
    tell(attempt, "opened", bot=True)
    assert Email.objects.get().status == "unknown"


def test_news_of_the_account_prove_nothing_of_a_mail(ses: fakes.FakeVendor) -> None:
    attempt = unknown_attempt(ses)
    tell(attempt, "account", trouble=Trouble.ACCOUNT)
    assert Email.objects.get().status == "unknown"


def test_the_recipient_is_accepted_until_an_event_says_more(ses: fakes.FakeVendor) -> None:
    attempt = unknown_attempt(ses)
    tell(attempt, "opened")
    assert first(attempt).status == "accepted"


def test_an_event_before_the_answer_wins_over_the_timeout(
    ses: fakes.FakeVendor, while_ses_is_asked: Any
) -> None:
    while_ses_is_asked(lambda attempt: tell(attempt, "delivered"))
    ses.script(LOST)
    email = send()
    assert (email.status, email.due_at, email.attempts.get().outcome) == ("sent", None, "accepted")
    assert email.recipients.get().status == "delivered"
    assert "the request was sent, but not answered" in email.attempts.get().detail


def test_an_event_before_a_good_answer_has_settled_nothing(
    ses: fakes.FakeVendor, while_ses_is_asked: Any
) -> None:
    while_ses_is_asked(lambda attempt: tell(attempt, "accepted"))
    email = send()
    attempt = email.attempts.get()
    assert (email.status, attempt.settled_by, attempt.settled_at) == ("sent", "", None)
    assert attempt.provider_message_id


def test_an_event_before_a_refusal_ends_the_walk(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, while_ses_is_asked: Any
) -> None:
    while_ses_is_asked(lambda attempt: tell(attempt, "accepted"))
    ses.script(fakes.SES_THROTTLING)
    email = send()
    assert (email.status, email.provider, sendgrid.received) == ("sent", "ses", [])


def test_an_event_before_the_last_providers_refusal_counts(
    ses: fakes.FakeVendor, while_ses_is_asked: Any, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    while_ses_is_asked(lambda attempt: tell(attempt, "accepted"))
    ses.script(fakes.SES_BAD_MESSAGE)
    email = send()
    assert (email.status, email.recipients.get().status) == ("sent", "accepted")


def test_an_event_before_a_crash_wins_over_it() -> None:
    attempt = under_way()
    tell(attempt, "accepted")
    Email.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    loop.clean_up()
    email = Email.objects.get()
    assert (email.status, email.provider, email.due_at) == ("sent", "ses", None)


def test_an_event_while_it_is_sent_again_is_the_outcome_of_what_came_to_nothing(
    ses: fakes.FakeVendor,
) -> None:
    attempt = unknown_attempt(ses)
    due_again()
    Email.objects.update(status="sending", epoch=2, possible_duplicate=True, lease_until=timezone.now())
    tell(attempt, "delivered")
    assert Email.objects.get().status == "sending"
    Email.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    loop.clean_up()
    assert (Email.objects.get().status, first(attempt).status) == ("sent", "delivered")


def test_an_event_between_the_claim_and_the_offer_keeps_a_second_copy_back(
    ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    attempt = unknown_attempt(ses)
    due_again()
    real = suppressed.leave_out
    monkeypatch.setattr(suppressed, "leave_out", lambda *given: (tell(attempt, "delivered"), real(*given)))
    email = rounds.dispatch(attempt.email_id)
    assert email
    assert (email.status, email.provider, email.attempts.count()) == ("sent", "ses", 1)
    assert first(attempt).status == "delivered"


def test_an_event_while_it_is_offered_again_keeps_it_from_the_next_provider(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, while_ses_is_asked: Any
) -> None:
    attempt = unknown_attempt(ses)
    due_again()
    while_ses_is_asked(lambda _: tell(attempt, "delivered"))
    ses.script(fakes.SES_THROTTLING)
    email = rounds.dispatch(attempt.email_id)
    assert email
    assert (email.status, email.provider, sendgrid.received) == ("sent", "ses", [])


def test_a_bounce_while_it_is_offered_again_does_not_hide_that_the_second_copy_is_accepted(
    ses: fakes.FakeVendor, while_ses_is_asked: Any
) -> None:
    attempt = unknown_attempt(ses)
    due_again()
    while_ses_is_asked(lambda _: tell(attempt, "bounced"))
    email = rounds.dispatch(attempt.email_id)
    assert email
    assert (email.status, email.possible_duplicate, len(ses.received)) == ("sent", True, 2)
    assert first(attempt).status == "accepted"


def test_an_event_outranks_a_person_who_said_that_it_was_not_sent(ses: fakes.FakeVendor) -> None:
    attempt = unknown_attempt(ses)
    unknown.deny(attempt.email, by="anna")
    tell(attempt, "delivered")
    attempt.refresh_from_db()
    assert (attempt.email.status, attempt.settled_by) == ("sent", "event:delivered")


def test_a_vendors_own_refusal_is_not_undone_by_what_its_list_says() -> None:
    attempt = under_way(outcome="refused", status="failed", lease_until=None)
    tell(attempt, "accepted")
    tell(attempt, "suppressed")
    attempt.refresh_from_db()
    assert (attempt.outcome, first(attempt).status) == ("refused", "suppressed")


def test_the_doctor_finds_nothing_wrong_with_what_events_have_told(ses: fakes.FakeVendor) -> None:
    for kind in PROOFS:
        tell(unknown_attempt(ses), kind)
        Suppression.objects.all().delete()
        Circuit.objects.all().delete()
        circuit_cache.forget()
    assert [finding for finding in walk.walk(lambda *_: False, lambda _: None) if finding.is_wrong] == []


def test_an_unknown_email_waits_as_long_as_its_provider_needs(ses: fakes.FakeVendor, settings: Any) -> None:
    settings.GOMAIL_HOLDS = {"ses": 90}
    email = unknown_attempt(ses).email
    assert email.due_at
    assert 85 < (email.due_at - timezone.now()).total_seconds() <= 90
