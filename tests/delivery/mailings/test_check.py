"""A check writes down everybody, and finds out for whom the mailing cannot be written."""

from typing import Any

import pytest
from django.db import transaction

from delivery.audience import groups
from delivery.db import clock
from delivery.mailings import check, claims, content, progress, run, snapshot, states
from delivery.models import Mailing, MailingRecipient, Membership, Suppression
from tests.delivery.mailings import mailed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "CHUNK", 3)
    monkeypatch.setattr("delivery.mailings.check._CHUNK", 2)


@pytest.mark.usefixtures("_short_chunks")
def test_every_subscribed_member_is_written_down_once() -> None:
    readers = mailed.group(8)
    gone = mailed.person(readers, "gone@example.com", first_name="G")
    with transaction.atomic():
        groups.set_status(Membership.objects.get(contact=gone), "unsubscribed", by="link")

    mailing = mailed.checked(readers)

    assert mailed.found(mailing) == {f"p{number}@example.com": "waiting" for number in range(1, 9)}
    assert mailing.check_result["recipients"] == 8
    assert mailing.check_result["unsubscribed"] == 1
    assert mailing.worker is None
    assert mailing.check_asked_at is None


def test_members_of_an_excluded_group_get_nothing() -> None:
    readers, staff = mailed.group(3), mailed.group(name="staff")
    out, left = Membership.objects.filter(group=readers).order_by("id")[:2]
    Membership.objects.create(group=staff, contact=out.contact)
    Membership.objects.create(group=staff, contact=left.contact, status="unsubscribed")

    mailing = mailed.checked(readers, exclude=[str(staff.pk)])

    assert set(mailed.found(mailing)) == {"p2@example.com", "p3@example.com"}


@pytest.mark.usefixtures("_short_chunks")
def test_whom_it_cannot_be_written_for_is_named_and_keeps_waiting() -> None:
    readers = mailed.group(5)
    mailed.person(readers, "nameless@example.com")

    mailing = mailed.checked(readers)

    fault = "render: The template needs what is not given: contact.first_name."
    assert mailing.check_result["render_failures"] == 1
    assert mailing.check_result["failures"] == [{"address": "nameless@example.com", "reason": fault}]
    assert mailing.check_result["missing"] == {"contact.first_name": 1}
    assert mailed.reasons(mailing) == {"nameless@example.com": fault}
    assert progress.counts(mailing)["waiting"] == 6


def test_who_is_suppressed_is_counted() -> None:
    readers = mailed.group(3)
    Suppression.objects.create(address="p2@example.com", kind="hard_bounce", first_seen=clock.now())
    assert mailed.checked(readers).check_result["suppressed"] == 1


def test_a_check_tells_who_would_carry_it_and_how_long_it_takes() -> None:
    mailing = mailed.checked(mailed.group(30), rate=10.0)
    assert [one["ready"] for one in mailing.check_result["providers"]]
    assert mailing.check_result["forecast"] == {"seconds": 3, "per_second": 10.0, "quota": []}


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("steps", range(8))
def test_a_check_that_stopped_anywhere_comes_to_the_same(steps: int) -> None:
    """What a killed process leaves is what is committed: so many of its steps."""
    readers = mailed.group(7)
    mailed.person(readers, "nameless@example.com")
    mailing = mailed.draft(readers)
    with transaction.atomic():
        states.ask_check(mailing)
    claimed = claims.take(mailing.pk)
    assert claimed
    for _ in range(steps):
        check.step(claimed, 2.0)
    Mailing.objects.update(lease_until=None)

    assert run.check_now(mailing)
    assert len(mailed.found(mailing)) == mailing.check_result["recipients"] == 8
    assert mailing.check_result["render_failures"] == 1


def test_a_change_during_a_check_ends_it() -> None:
    mailing = mailed.draft(mailed.group(3))
    with transaction.atomic():
        states.ask_check(mailing)
    claimed = claims.take(mailing.pk)
    assert claimed
    with transaction.atomic():
        states.change(mailing, subject="Other")

    with pytest.raises(claims.Lost):
        check.step(claimed, 2.0)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.check_result, mailing.check_asked_at) == ("draft", {}, None)


def test_who_waits_for_a_check_leaves_a_mailing_alone_that_was_started_meanwhile() -> None:
    waited_for = mailed.draft(mailed.group(3))
    with transaction.atomic():
        states.ask_check(waited_for)
    other = Mailing.objects.get()
    assert run.check_now(other)
    mailed.start(other)

    written_down = set(MailingRecipient.objects.values_list("pk", flat=True))

    assert run.check_now(waited_for)
    other.refresh_from_db()
    assert other.state == "sending"
    assert set(MailingRecipient.objects.values_list("pk", flat=True)) == written_down


def test_nothing_but_a_draft_is_checked() -> None:
    mailing = mailed.started(mailed.group(3))
    claimed = claims.take(mailing.pk)
    assert claimed
    with pytest.raises(claims.Lost):
        check.step(claimed, 2.0)
    assert len(mailed.found(mailing)) == 3


def test_what_was_paused_while_it_was_claimed_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    mailing, claim = mailed.started(mailed.group(1)), claims._claim

    def claim_late(found: Mailing) -> bool:
        claimed = claim(found)
        with transaction.atomic():
            states.pause(Mailing.objects.get(), "ann")
        return claimed

    monkeypatch.setattr(claims, "_claim", claim_late)
    assert claims.take(mailing.pk) is None


def test_a_second_check_begins_anew() -> None:
    readers = mailed.group(3)
    mailing = mailed.checked(readers)
    Membership.objects.filter(contact__email="p1@example.com").update(status="removed")

    with transaction.atomic():
        states.change(mailing, subject="Other {{ contact.last_name }}")
    assert progress.counts(mailing)["waiting"] == 0
    mailed.check(mailing)

    assert set(mailed.found(mailing)) == {"p2@example.com", "p3@example.com"}
    assert mailing.check_result["render_failures"] == 2


def test_a_mailing_that_lacks_something_is_not_checked(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL = ""
    for fields, lacks in (
        ({"group": None}, "group"),
        ({"group": mailed.group(name="linked", unsubscribe=True)}, "group"),
        ({"from_address": "nobody"}, "from_address"),
    ):
        mailing = mailed.draft(mailed.group(name=f"g{lacks}{len(fields)}{Mailing.objects.count()}"), **fields)
        with pytest.raises(content.NotReady) as why, transaction.atomic():
            states.ask_check(mailing)
        assert why.value.field == lacks


def test_a_check_that_ended_three_processes_is_made_no_more() -> None:
    mailing = mailed.draft(mailed.group(1))
    with transaction.atomic():
        states.ask_check(mailing)
    for _ in range(3):
        assert claims.take(mailing.pk)
        Mailing.objects.update(lease_until=None)  # its process is gone

    assert claims.take(mailing.pk) is None
    mailing.refresh_from_db()
    assert (mailing.state, mailing.check_asked_at, mailing.reason) == ("draft", None, claims.CHECK_SET_ASIDE)


def test_a_deleted_mailing_takes_its_recipients_along() -> None:
    mailing = mailed.checked(mailed.group(3))
    with transaction.atomic():
        states.delete(mailing)
    assert not MailingRecipient.objects.exists()
