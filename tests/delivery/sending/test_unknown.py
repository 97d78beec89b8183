"""What is done about an email that may or may not have been sent."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery import journal
from delivery.content.drafts import Draft
from delivery.models import Attempt, Circuit, Email
from delivery.queue.fairness import FairQueue
from delivery.recovery import rescue
from delivery.routing import circuit_cache
from delivery.sending import rounds, unknown
from delivery.submission import emails
from delivery.workers import embedded, loop
from providers.message import Mailbox
from tests import fakes
from tests.providers.fault_server import Fault, answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
TOOK_IT_AND_SAID_NOTHING = Fault(read="all", end="reset")
DOWN = answer(503, {"message": "down"}, {"x-amzn-ErrorType": "ServiceUnavailableException"})
FIRST = Mailbox(address="me@example.org")


def in_doubt(ses: fakes.FakeVendor, **changes: Any) -> Email:
    """Return an email that SES took without saying so."""
    ses.script(TOOK_IT_AND_SAID_NOTHING)
    to = (Mailbox(address="bob@example.com"),)
    email = emails.send(Draft(sender=FIRST, to=to, subject="Hello", text="Hi", **changes), team=None)
    assert email.status == "unknown"
    return email


def go_on(email: Email) -> Email:
    """Let the hold be over, and the worker have its turn."""
    Email.objects.filter(pk=email.pk, due_at__isnull=False).update(
        due_at=timezone.now() - timedelta(seconds=1)
    )
    embedded.hand_over(threading.Event(), FairQueue())
    email.refresh_from_db()
    return email


def story(email: Email) -> list[tuple[str, str]]:
    return list(email.attempts.order_by("id").values_list("provider", "outcome"))


def recipients(email: Email) -> set[str]:
    return set(email.recipients.values_list("status", flat=True))


def test_an_email_in_doubt_is_held_for_thirty_seconds_and_reads_unknown(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    email = in_doubt(ses)

    assert email.due_at is not None
    assert 25 < (email.due_at - timezone.now()).total_seconds() <= 30
    assert (email.possible_duplicate, recipients(email), sendgrid.received) == (False, {"unknown"}, [])
    assert rounds.dispatch(email.pk) is None


def test_what_is_sent_again_goes_to_everybody_who_was_to_get_it(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    copies = [Mailbox(address=f"{name}@example.com") for name in ("carbon", "hidden")]
    go_on(in_doubt(ses, cc=copies[:1], bcc=copies[1:]))
    first, second = (one.recipients for one in ses.arrived())
    assert first == second == {"bob@example.com", "carbon@example.com", "hidden@example.com"}


def test_after_the_hold_it_is_sent_again_by_the_same_provider_and_says_so(
    settings: Any, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("sendgrid", "ses")
    sendgrid.script(fakes.SENDGRID_DOWN)
    email = go_on(in_doubt(ses))

    assert (email.status, email.provider, email.possible_duplicate) == ("sent", "ses", True)
    assert story(email) == [("sendgrid", "not_sent"), ("ses", "unknown"), ("ses", "accepted")]
    assert recipients(email) == {"accepted"}


def test_both_copies_carry_the_same_id_and_different_attempts(ses: fakes.FakeVendor) -> None:
    email = go_on(in_doubt(ses))

    first, second = ses.arrived()
    assert first.mime is not None
    assert second.mime is not None
    assert first.mime["X-GoMail-ID"] == second.mime["X-GoMail-ID"] == str(email.pk)
    assert first.attempt != second.attempt


def test_it_is_marked_before_the_second_call(ses: fakes.FakeVendor, monkeypatch: Any) -> None:
    email = in_doubt(ses)
    seen: list[Any] = []
    from providers.ses.adapter import SES

    real = SES.send

    def look_and_send(self: SES, message: Any, attempt_id: str) -> Any:
        seen.append(Email.objects.values_list("possible_duplicate", "status").get(pk=email.pk))
        return real(self, message, attempt_id)

    monkeypatch.setattr(SES, "send", look_and_send)
    go_on(email)

    assert seen == [(True, "sending")]


def test_stop_means_that_nothing_is_sent_again(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    email = go_on(in_doubt(ses, on_ambiguous="stop"))

    assert (email.status, email.due_at, len(ses.received), sendgrid.received) == ("unknown", None, 1, [])


def test_three_copies_at_most(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)
    for _ in range(4):
        ses.script(TOOK_IT_AND_SAID_NOTHING)
        email = go_on(email)

    assert (email.status, email.due_at, len(ses.received)) == ("unknown", None, unknown.MOST)


def test_if_the_same_provider_may_not_be_used_the_next_one_is_asked(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)
    Circuit.objects.create(
        provider="ses", state="open", trouble="failing", retry_at=timezone.now() + timedelta(minutes=5)
    )
    circuit_cache.forget()

    email = go_on(email)
    assert (email.status, email.provider, email.possible_duplicate) == ("sent", "sendgrid", True)


def test_a_second_offer_that_is_refused_proves_nothing_about_the_first(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)
    ses.script(fakes.SES_BAD_MESSAGE)
    email = go_on(email)

    assert (email.status, email.due_at, recipients(email)) == ("unknown", None, {"unknown"})
    assert email.reason.startswith("It may have been sent before; and then: ")


def test_a_second_offer_that_finds_nobody_is_made_again_later(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    email = in_doubt(ses)
    ses.script(DOWN)
    sendgrid.script(fakes.SENDGRID_DOWN)
    email = go_on(email)
    assert (email.status, email.due_at is not None, recipients(email)) == ("unknown", True, {"unknown"})

    email = go_on(email)
    assert (email.status, email.possible_duplicate) == ("sent", True)


def test_past_its_deadline_it_stays_unknown_and_is_not_sent_again(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)
    Email.objects.filter(pk=email.pk).update(expires_at=timezone.now())
    loop.clean_up()
    email = go_on(email)

    assert (email.status, email.due_at, recipients(email)) == ("unknown", None, {"unknown"})
    assert email.finished_at is not None


def test_an_email_whose_process_was_killed_in_the_middle_is_held_and_sent_again(
    ses: fakes.FakeVendor,
) -> None:
    email = in_doubt(ses)
    Attempt.objects.update(outcome="started")
    Email.objects.update(status="sending", due_at=None, lease_until=timezone.now() - timedelta(seconds=1))
    loop.clean_up()

    email.refresh_from_db()
    assert (email.status, email.due_at is not None) == ("unknown", True)
    assert (go_on(email).status, email.possible_duplicate) == ("sent", True)


def test_a_person_who_knows_that_it_was_sent_settles_it(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)

    assert unknown.confirm(email, by="anna")
    assert not unknown.deny(email, by="bert")

    email = go_on(email)
    attempt = email.attempts.get()
    assert (email.status, email.provider, email.due_at, len(ses.received)) == ("sent", "ses", None, 1)
    assert (attempt.outcome, attempt.settled_by, attempt.settled_at is not None) == ("accepted", "anna", True)
    assert (recipients(email), email.reason) == ({"accepted"}, "Settled by a person: it was sent.")


def test_a_person_who_knows_that_it_was_not_sent_has_it_sent(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses, on_ambiguous="stop")
    Email.objects.filter(pk=email.pk).update(expires_at=timezone.now() - timedelta(days=1))

    assert unknown.deny(email, by="anna")
    assert not unknown.confirm(email, by="bert")

    email = go_on(email)
    assert (email.status, email.possible_duplicate, recipients(email)) == ("sent", False, {"accepted"})
    assert story(email) == [("ses", "not_sent"), ("ses", "accepted")]
    assert email.attempts.order_by("id")[0].settled_by == "anna"


def test_a_person_who_knows_that_neither_copy_was_sent_clears_the_mark(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)
    ses.script(TOOK_IT_AND_SAID_NOTHING)
    email = go_on(email)
    assert email.possible_duplicate

    unknown.deny(email, by="anna")
    email = go_on(email)
    assert (email.status, email.possible_duplicate) == ("sent", False)
    assert [outcome for _, outcome in story(email)] == ["not_sent", "not_sent", "accepted"]


def test_settling_leaves_alone_whom_the_provider_has_rejected(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses, cc=(Mailbox(address="eve@example.com"),))
    email.recipients.filter(kind="cc").update(status="rejected")
    unknown.confirm(email, by="anna")

    assert [row.status for row in email.recipients.order_by("id")] == ["accepted", "rejected"]


def test_recovering_touches_no_attempt_of_an_earlier_claim(ses: fakes.FakeVendor) -> None:
    email = go_on(in_doubt(ses))
    Attempt.objects.filter(outcome="unknown").update(detail="as it was")
    Attempt.objects.filter(outcome="accepted").update(outcome="started")
    Email.objects.update(status="sending", lease_until=timezone.now() - timedelta(seconds=1))
    journal.close()  # it knows better
    loop.clean_up()

    assert [attempt.detail for attempt in email.attempts.order_by("id")] == [
        "as it was",
        rescue.INTERRUPTED,
    ]


def test_an_email_that_is_being_sent_cannot_be_settled(ses: fakes.FakeVendor) -> None:
    email = in_doubt(ses)
    Email.objects.filter(pk=email.pk).update(status="sending")

    assert not unknown.confirm(email, by="anna")
    assert not unknown.deny(email, by="anna")


def test_an_answer_that_comes_during_the_hold_ends_it(ses: fakes.FakeVendor, monkeypatch: Any) -> None:
    from providers.ses.adapter import SES

    real = SES.send

    def send_while_the_lease_ends(self: SES, message: Any, attempt_id: str) -> Any:
        Email.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        loop.clean_up()
        return real(self, message, attempt_id)

    monkeypatch.setattr(SES, "send", send_while_the_lease_ends)
    to = (Mailbox(address="bob@example.com"),)
    email = emails.send(Draft(sender=FIRST, to=to, subject="Hello", text="Hi"), team=None)

    email.refresh_from_db()
    assert (email.status, email.due_at, email.possible_duplicate) == ("sent", None, False)
