"""What stops a mailing by itself, and what does not."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from delivery.access import keys, reputation
from delivery.audience import results
from delivery.db import clock
from delivery.mailings import choosing, guard, pace, sender, states
from delivery.models import ApiKey, Attempt, Email, Group, Lineage, Mailing, MailingRecipient, Recipient, Team
from delivery.submission import cancelling, changes
from tests import fakes
from tests.delivery.mailings import mailed
from tests.delivery.mailings.mailed import arrived, hand_over, make, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("providers")]


def refused_by_ses(ses: fakes.FakeVendor, times: int) -> None:
    ses.script(*[fakes.SES_BAD_MESSAGE] * times)


@pytest.fixture
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_MOST_QUEUED", 3)
    monkeypatch.setattr(choosing, "_AGAIN", 0.0)  # who waits again is found at once


@pytest.mark.usefixtures("_one_by_one")
def test_a_provider_that_refuses_three_and_takes_none_is_avoided_and_they_wait_again(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    refused_by_ses(ses, 100)
    mailing = send(mailed.started(mailed.group(7)))

    assert (mailing.state, set(mailed.found(mailing).values())) == ("done", {"sent"})
    assert len(ses.mails) == 3
    assert len(arrived(sendgrid)) == len(set(arrived(sendgrid))) == 7
    assert "refused 3" in mailing.avoided["ses"]
    assert Email.objects.filter(status="failed").count() == 3


@pytest.mark.usefixtures("_one_by_one")
def test_other_mail_still_goes_there(ses: fakes.FakeVendor, api: fakes.Api) -> None:
    refused_by_ses(ses, 3)
    mailing = send(mailed.started(mailed.group(4)))
    assert mailing.avoided
    assert api.send().json()["provider"] == "ses"


@pytest.mark.usefixtures("_one_by_one")
def test_a_mailing_that_every_provider_refuses_is_paused_and_says_why(
    settings: Any, ses: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    refused_by_ses(ses, 3)
    mailing = mailed.started(mailed.group(5))
    runner = make()
    hand_over()
    make(runner)

    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert "Every provider has refused the first of its emails." in mailing.reason
    assert set(mailed.found(mailing).values()) == {"waiting"}

    with transaction.atomic():
        states.resume(mailing)
    assert set(mailed.found(send(mailing)).values()) == {"sent"}


def test_who_was_under_way_at_that_pause_waits_again_and_pauses_it_no_second_time(
    settings: Any, ses: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    refused_by_ses(ses, 4)
    mailing, runner = mailed.started(mailed.group(8)), make()
    late = list(Email.objects.order_by("pk").values_list("pk", flat=True)[:4])
    Email.objects.filter(pk__in=late).update(due_at=clock.now() + timedelta(hours=1))
    hand_over()
    make(runner)
    mailing.refresh_from_db()
    assert mailing.state == "paused"
    for pk in late:
        refuse(pk)

    with transaction.atomic():
        states.resume(mailing)

    assert set(mailed.found(mailing).values()) == {"waiting"}
    assert set(mailed.found(send(mailing)).values()) == {"sent"}


def test_who_is_refused_after_the_resumption_by_a_call_of_before_waits_again(
    settings: Any, ses: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    refused_by_ses(ses, 3)
    mailing, runner = mailed.started(mailed.group(5)), make()
    late = list(Email.objects.order_by("pk").values_list("pk", flat=True)[:2])
    Email.objects.filter(pk__in=late).update(due_at=clock.now() + timedelta(hours=1))
    hand_over()
    make(runner)
    mailing.refresh_from_db()
    assert (mailing.state, mailed.counted(mailing)) == ("paused", {"queued": 2, "waiting": 3})
    asked_at = clock.now()
    with transaction.atomic():
        states.resume(mailing)
    for pk in late:
        refuse(pk, started_at=asked_at)

    assert set(mailed.found(send(mailing)).values()) == {"sent"}
    mailing.refresh_from_db()
    assert mailing.avoided == {}


@pytest.mark.usefixtures("_one_by_one")
def test_a_provider_that_still_takes_nothing_after_the_resumption_is_avoided_at_the_second_refusal(
    settings: Any, ses: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    mailing = mailed.started(mailed.group(2))
    Mailing.objects.update(state="paused", paused_at=clock.now(), avoided={"ses": "It has refused 3."})
    with transaction.atomic():
        states.resume(mailing)
    refused_by_ses(ses, 2)
    runner = make()
    hand_over()
    make(runner)

    mailing.refresh_from_db()
    assert (mailing.state, mailed.counted(mailing)) == ("paused", {"waiting": 2})
    assert "has refused 2 emails" in mailing.reason
    with transaction.atomic():
        states.resume(mailing)
    assert mailed.counted(send(mailing)) == {"sent": 2}


@pytest.mark.usefixtures("_one_by_one")
def test_one_person_whom_a_provider_refuses_after_the_resumption_stops_no_mailing(
    settings: Any, ses: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    mailing = mailed.started(mailed.group(3))
    Mailing.objects.update(state="paused", paused_at=clock.now(), avoided={"ses": "It has refused 3."})
    with transaction.atomic():
        states.resume(mailing)
    refused_by_ses(ses, 1)
    assert mailed.counted(send(mailing)) == {"sent": 2, "failed": 1}


def test_who_was_sent_to_by_hand_meanwhile_gets_no_second_mail(settings: Any, ses: fakes.FakeVendor) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    refused_by_ses(ses, 3)
    mailing = mailed.started(mailed.group(3))
    make()
    hand_over()
    results.follow_queued(mailing)
    first, called_off, _ = Email.objects.filter(mailing=mailing)
    changes.resend(first)
    changes.cancel(changes.resend(called_off))
    Mailing.objects.update(worker=None, lease_until=None)
    make()
    assert mailed.counted(mailing) == {"failed": 1, "waiting": 2}


def test_a_process_that_takes_a_mailing_on_looks_at_what_failed_before(
    settings: Any, ses: fakes.FakeVendor
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    refused_by_ses(ses, 3)
    mailing = mailed.started(mailed.group(3))
    make()
    hand_over()
    results.follow_queued(mailing)  # and that process ends
    assert mailed.counted(mailing) == {"failed": 3}
    Mailing.objects.update(worker=None, lease_until=None)
    make()
    mailing.refresh_from_db()
    assert (mailing.state, mailed.counted(mailing)) == ("paused", {"waiting": 3})


def test_refusals_that_another_process_writes_down_late_count_as_well(
    settings: Any, ses: fakes.FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_LATE", 0.0)
    settings.GOMAIL_PROVIDERS = ("ses",)
    refused_by_ses(ses, 3)
    mailing = mailed.started(mailed.group(3))
    runner = make()
    hand_over()
    with transaction.atomic():
        results.follow(list(Email.objects.values_list("pk", flat=True)))  # as a late answer does
    assert mailed.counted(mailing) == {"failed": 3}
    make(runner)
    mailing.refresh_from_db()
    assert (mailing.state, mailed.counted(mailing)) == ("paused", {"waiting": 3})


def refuse(pk: UUID, **fields: Any) -> None:
    """Let an email come to the end to which the provider's refusal brings it after its mailing was paused."""
    Email.objects.filter(pk=pk).update(status="failed", due_at=None, finished_at=clock.now(), reason="No.")
    Recipient.objects.filter(email=pk).update(status="rejected", reason="No.")
    Attempt.objects.create(email_id=pk, provider="ses", epoch=1, outcome="refused", detail="No.", **fields)


@pytest.mark.usefixtures("_one_by_one")
def test_people_whom_a_provider_refuses_that_takes_others_have_failed(ses: fakes.FakeVendor) -> None:
    mailing = mailed.started(mailed.group(9))
    runner = make()
    hand_over()
    refused_by_ses(ses, 3)
    make(runner)
    hand_over()
    send(mailing, runner)
    mailing.refresh_from_db()
    assert mailing.avoided == {}
    assert sorted(mailed.found(mailing).values()) == [*["failed"] * 3, *["sent"] * 6]


def test_a_mailing_of_which_too_much_bounces_is_paused_and_counts_anew_when_it_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reputation, "ENOUGH", 10)
    mailing = mailed.started(mailed.group(30))
    rows = MailingRecipient.objects.order_by("pk")
    some = list(rows.values_list("pk", flat=True)[:12])
    rows.filter(pk__in=some).update(state="sent", at=clock.now())
    rows.filter(pk__in=some[:3]).update(state="bounced")

    make()
    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert mailing.reason == (
        "Too much of it comes back: of 12 recipients 25.0% bounced and 0.00% complained."
    )
    with transaction.atomic():
        states.resume(mailing)
    make()
    mailing.refresh_from_db()
    assert mailing.state == "sending"


def test_no_more_recipients_are_counted_than_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reputation, "ENOUGH", 3)
    monkeypatch.setitem(reputation.WARN, "complained", 0.25)
    mailing = mailed.started(mailed.group(12))
    MailingRecipient.objects.update(state="sent", at=clock.now())
    some = MailingRecipient.objects.order_by("pk").values_list("pk", flat=True)[:2]
    MailingRecipient.objects.filter(pk__in=list(some)).update(state="complained")

    found = guard._reputation(mailing)
    assert (found.recipients, found.is_ruinous) == (9, False)


def test_the_brake_of_a_team_pauses_its_mailing(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.net", ("k" * 32,)
    team = mailed.team()
    mailing = mailed.started(mailed.group(3, of=team, unsubscribe=True))
    Team.objects.update(marketing_paused_at=clock.now())
    make()
    mailing.refresh_from_db()
    assert (mailing.state, Email.objects.count()) == ("paused", 0)
    assert "brake" in mailing.reason


def test_a_mailing_of_an_older_state_of_the_database_is_paused_before_it_writes_to_anybody_again() -> None:
    mailing = mailed.started(mailed.group(3))
    Lineage.objects.update_or_create(pk=1, defaults={"held_before": clock.now()})
    make()
    mailing.refresh_from_db()
    assert (mailing.state, Email.objects.count()) == ("paused", 0)
    assert "after_restore" in mailing.reason


def test_nothing_is_made_for_a_paused_team() -> None:
    team = mailed.team()
    mailing = mailed.started(mailed.group(3, of=team))
    Team.objects.update(paused_at=clock.now())
    runner = make()
    assert not Email.objects.exists()
    Team.objects.update(paused_at=None)
    assert set(mailed.found(send(mailing, runner)).values()) == {"sent"}


def test_the_end_of_a_key_with_all_that_waits_ends_its_mailings(api: fakes.Api) -> None:
    key = ApiKey.objects.get()
    mailing = mailed.checked(mailed.group(3, of=key.team))
    with transaction.atomic():
        states.start(mailing, 3, key=key)
    cancelling.revoke(key, cancel=True)
    make(make())
    mailing.refresh_from_db()
    assert (mailing.state, set(mailed.found(mailing).values())) == ("cancelled", {"cancelled"})
    assert api.token


def test_a_mailing_whose_group_was_deleted_is_paused_and_says_so() -> None:
    mailing = mailed.started(mailed.group(2))
    Mailing.objects.update(group=None)
    make()
    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == ("paused", "The group of the mailing has been deleted.")


def test_a_key_that_may_not_send_from_the_sender_any_more_sends_nothing(ses: fakes.FakeVendor) -> None:
    mailing = mailed.started(mailed.group(2, of=mailed.team()))
    key, _ = keys.issue("shop", scopes=["send"], from_addresses=["@example.org"])
    Mailing.objects.update(key=key)
    Group.objects.update(from_address="ceo@bank.example")
    send(mailing)
    assert mailing.state == "paused"
    assert "may not send from ceo@bank.example" in mailing.reason
    assert not ses.mails
    Group.objects.update(from_address="news@example.org")
    with transaction.atomic():
        states.resume(mailing)
    assert send(mailing).state == "done"
