"""Who leaves by the link of a mailing, or complains about it, leaves the group; and what is kept of mailings goes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction

from delivery.audience import undo
from delivery.content import links
from delivery.db import clock
from delivery.doctor import mailings as questions
from delivery.erasure import forget
from delivery.events import record
from delivery.mailings import states, subscribing
from delivery.models import ApiKey, Contact, Email, Mailing, MailingRecipient, Membership, Suppression
from delivery.retention import prune
from delivery.suppressions import unsubscribing
from providers.events import Event, Kind
from tests import fakes
from tests.delivery.audience import bringing
from tests.delivery.mailings import mailed
from tests.delivery.mailings.mailed import arrived, hand_over, make, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("providers")]


@pytest.fixture(autouse=True)
def _links(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.net", ("k" * 32,)
    settings.GOMAIL_TOMBSTONE_KEYS = ("t" * 40,)


def membership(address: str = "p1@example.com") -> Membership:
    return Membership.objects.select_related("group", "contact").get(contact__email=address)


def sent() -> Mailing:
    return send(mailed.started(mailed.group(2, of=mailed.team(), unsubscribe=True)))


def token(address: str = "p1@example.com") -> str:
    email = Email.objects.get(recipients__address=address)
    return links.url(email.pk).rpartition("/")[2]


def test_the_link_ends_the_membership_and_coming_back_lets_mail_through() -> None:
    sent()
    unsubscribing.unsubscribe(token())
    assert (membership().status, membership().by) == ("unsubscribed", "link")
    assert membership("p2@example.com").status == "subscribed"

    with transaction.atomic():
        subscribing.resubscribe(membership(), by="admin")
    assert membership().status == "subscribed"
    assert not Suppression.objects.exists()


def test_who_leaves_by_the_link_gets_nothing_at_a_new_address_either(ses: fakes.FakeVendor) -> None:
    group, link = sent().group, token()
    Contact.objects.filter(email="p1@example.com").update(
        email="new@example.com", email_key="new@example.com"
    )
    unsubscribing.unsubscribe(link)
    assert (membership("new@example.com").status, membership("new@example.com").by) == (
        "unsubscribed",
        "link",
    )
    assert group is not None
    send(mailed.started(group))
    assert arrived(ses) == ["p1@example.com", "p2@example.com", "p2@example.com"]


def test_who_comes_back_over_the_api_gets_mail_again(api: fakes.Api) -> None:
    team = ApiKey.objects.get().team
    group = mailed.group(1, of=team, unsubscribe=True)
    send(mailed.started(group))
    unsubscribing.unsubscribe(token())
    path = f"{fakes.V1}groups/{group.pk}/members/{membership().contact_id}/"
    back = {"status": "subscribed", "resubscribe": True}
    answer = api.client.patch(path, back, content_type="application/json", headers=api.headers)
    assert answer.status_code == 200
    assert not Suppression.objects.exists()


def test_a_complaint_ends_the_membership(ses: fakes.FakeVendor) -> None:
    mailing = sent()
    told = next(mail for mail in ses.arrived() if mail.recipients == {"p1@example.com"})
    complaint = Event(
        kind=Kind.COMPLAINED, name="c", at=clock.now(), recipient="p1@example.com", attempt=told.attempt
    )
    record.record("ses", [complaint])
    assert (membership().status, membership().by) == ("unsubscribed", "complaint")
    assert mailed.found(mailing) == {"p1@example.com": "complained", "p2@example.com": "sent"}


@pytest.mark.parametrize("queued", [False, True], ids=["waiting", "queued"])
def test_who_is_erased_gets_nothing_and_no_row_names_them(ses: fakes.FakeVendor, *, queued: bool) -> None:
    team = mailed.team()
    mailing = mailed.started(mailed.group(2, of=team))
    runner = make() if queued else None
    forget.erase("p1@example.com", team=team)
    runner = make(runner)
    hand_over()
    make(runner)
    assert [mail.recipients for mail in ses.arrived()] == [{"p2@example.com"}]
    assert not MailingRecipient.objects.filter(address__contains="p1@").exists()
    assert mailing.pk


def test_mailings_that_are_over_are_pruned_with_their_emails() -> None:
    old, kept = sent(), mailed.draft(Membership.objects.first().group)  # type: ignore[union-attr]
    Mailing.objects.filter(pk=old.pk).update(finished_at=clock.now() - timedelta(days=40))
    call_command("prune", emails=30)
    assert list(Mailing.objects.all()) == [kept]
    assert not MailingRecipient.objects.exists()


@pytest.mark.parametrize("verb", [states.resume, states.cancel])
def test_a_mailing_that_was_paused_for_long_still_learns_what_became_of_its_emails(
    verb: Callable[[Mailing], None],
) -> None:
    mailing = paused_under_way()
    list(prune.prune(prune.EMAILS, clock.now() + timedelta(days=1)))
    assert Email.objects.count() == 2

    with transaction.atomic():
        verb(mailing)
    make()
    mailing.refresh_from_db()
    assert mailing.finished_at
    assert set(mailed.found(mailing).values()) == {"sent"}


def test_a_recipient_whose_email_is_gone_holds_up_no_mailing() -> None:
    mailing = paused_under_way()
    Email.objects.all().delete()
    with transaction.atomic():
        states.resume(mailing)
    make()
    mailing.refresh_from_db()
    assert (mailing.state, set(mailed.found(mailing).values())) == ("done", {"unknown"})


def paused_under_way() -> Mailing:
    """Return a mailing that was paused while its emails were under way, so that nobody has followed them."""
    mailing, runner = mailed.started(mailed.group(2, of=mailed.team())), make()
    hand_over()
    with transaction.atomic():
        states.pause(mailing, "ann")
    runner.finish()
    return mailing


def test_the_doctor_notices_a_mailing_that_nobody_sends() -> None:
    mailed.started(mailed.group(2))
    assert questions.mailings_go_on().count == 0
    Mailing.objects.update(started_at=clock.now() - timedelta(minutes=10))
    assert questions.mailings_go_on().count == 1


def test_the_doctor_notices_an_email_too_many() -> None:
    sent()
    assert questions.emails_have_recipients().count == 0
    MailingRecipient.objects.filter(address="p1@example.com").update(email=None)
    assert questions.emails_have_recipients().count == 1


def test_an_undone_import_leaves_those_who_are_recipients(tmp_path: Any) -> None:
    group = mailed.group()
    imported = bringing.imported(tmp_path, "email,first_name\nann@example.com,Ann\n", group=group)
    mailed.checked(group)
    undo.run(imported)
    assert Contact.objects.filter(email="ann@example.com").exists()
