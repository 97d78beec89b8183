"""Suppressed recipients are left out of whatever is offered, however it is offered."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from delivery import bundles
from delivery.content import addresses
from delivery.db import clock
from delivery.journal import Entry
from delivery.models import Attempt, Email, Suppression, Team, WebhookMessage
from delivery.recovery import restores
from delivery.sending import rounds, suppressed
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import batches, changes, dry_run, emails
from delivery.suppressions import entries, screening
from delivery.suppressions.entries import Finding
from tests import fakes
from tests.delivery.factories import ANN, BOB, EVE, draft, queued
from tests.delivery.webhooks.endpoints import endpoint
from tests.providers.fault_server import close

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def suppress(box: Any = BOB, kind: str = "hard_bounce", **changes: Any) -> None:
    given = {"team_id": None, "source": "sendgrid", "reason": "No such user", "at": clock.now()}
    entries.add([Finding(address=box.address, kind=kind, **{**given, **changes})])


def statuses(email: Email) -> dict[str, str]:
    return dict(email.recipients.values_list("address", "status"))


def offered(ses: fakes.FakeVendor) -> list[set[str]]:
    return [mail.recipients for mail in ses.arrived()]


def accepted(**changes: Any) -> Email:
    """Return an email that was taken on before anybody was suppressed."""
    return emails.accept(draft(**changes), team=None)


def test_who_is_suppressed_is_left_out_and_the_rest_gets_it(ses: fakes.FakeVendor) -> None:
    suppress()
    email = emails.send(draft(to=(BOB, ANN), cc=(EVE,)), team=None)

    assert offered(ses) == [{ANN.address, EVE.address}]
    assert BOB.address not in ses.arrived()[0].mime.as_string()
    assert email.status == "sent"
    assert statuses(email) == {BOB.address: "suppressed", ANN.address: "accepted", EVE.address: "accepted"}
    assert "hard_bounce, by sendgrid on" in email.recipients.get(address=BOB.address).reason


def test_an_email_that_nobody_may_get_is_refused_and_not_stored(ses: fakes.FakeVendor) -> None:
    suppress()
    for verb in (emails.send, emails.accept, dry_run.explain):
        with pytest.raises(
            AllSuppressed, match=r"all_suppressed: bob@example.org: hard_bounce.*No such user"
        ):
            verb(draft(), team=None)
    assert (Email.objects.count(), ses.received) == (0, [])


def test_what_waits_is_checked_when_it_is_offered(ses: fakes.FakeVendor) -> None:
    both, alone = accepted(to=(BOB, ANN)), accepted()
    suppress()
    for email in (both, alone):
        rounds.dispatch(email.pk)
        email.refresh_from_db()

    assert offered(ses) == [{ANN.address}]
    assert (both.status, statuses(both)) == ("sent", {BOB.address: "suppressed", ANN.address: "accepted"})
    assert (alone.status, alone.due_at, statuses(alone)) == ("failed", None, {BOB.address: "suppressed"})
    assert alone.reason.startswith("all_suppressed: bob@example.org: hard_bounce")
    assert not Attempt.objects.filter(email=alone).exists()


def test_who_is_still_to_be_asked_about_has_no_reason_yet() -> None:
    suppress()
    email = emails.accept(draft(to=(BOB, ANN)), team=None)
    assert set(email.recipients.values_list("status", "reason")) == {("pending", "")}


def test_every_round_is_checked(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    ses.default = sendgrid.default = fakes.SENDGRID_DOWN
    email = emails.send(draft(to=(BOB, ANN, EVE)), team=None)
    assert email.status == "queued"
    seen = len(ses.received) + len(sendgrid.received)

    for box in (BOB, ANN):
        suppress(box)
        Email.objects.filter(pk=email.pk).update(due_at=clock.now() - timedelta(seconds=1))
        Email.objects.filter(pk=email.pk).update(status="queued")
        rounds.dispatch(email.pk)
    later = [*ses.received, *sendgrid.received][seen:]
    assert BOB.address not in str([request.body for request in later[-1:]])
    assert statuses(email)[ANN.address] == statuses(email)[BOB.address] == "suppressed"
    assert statuses(email)[EVE.address] == "pending"


def test_a_thousand_tries_after_a_bounce_at_one_vendor_offer_nothing_to_another(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    waiting = [accepted(subject=str(number)) for number in range(50)]
    suppress()
    for email in waiting:
        rounds.dispatch(email.pk)
    refused = batches.accept([batches.Item(draft=draft()) for _ in range(950)], team=None)

    assert all(isinstance(result, AllSuppressed) for result in refused)
    assert (ses.mails, sendgrid.mails) == ([], [])


def test_a_batch_asks_once_for_a_hundred_and_takes_what_somebody_may_get() -> None:
    suppress()
    items = [batches.Item(draft=draft(to=(BOB if number % 2 else ANN,))) for number in range(100)]
    with CaptureQueriesContext(connection) as queries:
        results = batches.accept(items, team=None)

    assert [isinstance(result, Email) for result in results] == [number % 2 == 0 for number in range(100)]
    assert sum("suppression" in query["sql"] for query in queries) <= 2


def test_an_email_that_may_have_been_sent_stays_unknown_when_nobody_may_get_it_again(
    ses: fakes.FakeVendor,
) -> None:
    ses.default = close()
    email = emails.send(draft(), team=None)
    assert email.status == "unknown"
    suppress()
    Email.objects.filter(pk=email.pk).update(due_at=clock.now() - timedelta(seconds=1))
    rounds.dispatch(email.pk)

    email.refresh_from_db()
    assert (email.status, email.due_at, statuses(email)) == ("unknown", None, {BOB.address: "unknown"})
    assert "all_suppressed" in email.reason
    assert len(ses.received) == 1


def test_who_may_have_got_it_before_is_said_to(ses: fakes.FakeVendor) -> None:
    ses.default = close()
    email = emails.send(draft(to=(BOB, ANN)), team=None)
    suppress()
    Email.objects.filter(pk=email.pk).update(due_at=clock.now() - timedelta(seconds=1))
    rounds.dispatch(email.pk)
    bob = email.recipients.get(address=BOB.address)
    assert (bob.status, "may have reached it" in bob.reason) == ("suppressed", True)
    assert offered(ses)[-1] == {ANN.address}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"to": (BOB,), "cc": (ANN,), "bcc": (EVE,)}, (["ann"], [], ["eve"])),
        ({"to": (BOB,), "bcc": (EVE,)}, (["eve"], [], [])),
        ({"to": (BOB,), "bcc": (EVE, ANN)}, ([], [], ["eve", "ann"])),
    ],
)
def test_the_next_group_moves_up_where_nobody_is_left_in_to_and_blind_copies_stay_blind(
    asked: dict[str, Any], expected: tuple[list[str], ...]
) -> None:
    suppress()
    bundle = bundles.waiting(draft(**asked), None)
    suppressed.mark(bundle)
    message = bundle.message()
    groups = (message.to, message.cc, message.bcc)
    assert tuple([box.address.partition("@")[0] for box in boxes] for boxes in groups) == expected


def test_resend_asks_for_all_recipients_again() -> None:
    suppress()
    email = emails.send(draft(to=(BOB, ANN), purpose="marketing"), team=None)
    Suppression.objects.all().delete()
    again = changes.resend(email)
    assert statuses(again) == {BOB.address: "pending", ANN.address: "pending"}
    assert again.purpose == "marketing"


def test_the_purpose_and_the_team_decide() -> None:
    shop = Team.objects.create(name="shop")
    suppress(kind="complaint", team_id=shop.pk)
    with pytest.raises(AllSuppressed):
        emails.accept(draft(), team=shop)
    for team, changed in ((None, {}), (shop, {"purpose": "essential"})):
        assert emails.accept(draft(**changed), team=team).status == "queued"


def test_webhooks_are_told_who_was_left_out() -> None:
    endpoint(events=["email.suppressed"])
    email = accepted()
    suppress()
    both = emails.send(draft(to=(BOB, ANN)), team=None)
    rounds.dispatch(email.pk)

    told = list(
        WebhookMessage.objects.order_by("pk").values_list("kind", "data__email_id", "data__recipient")
    )
    assert told == [("email.suppressed", str(one.pk), BOB.address) for one in (both, email)]


def test_the_journal_holds_who_was_offered_it_and_settles_an_older_state_by_that() -> None:
    email = queued()
    email.recipients.create(kind="cc", address=ANN.address, canonical=ANN.address)
    suppress()
    rounds.dispatch(email.pk)
    entry = entry_of(email, addresses.fingerprint([ANN.address]))
    email.recipients.update(status="pending")
    Attempt.objects.all().delete()
    Email.objects.filter(pk=email.pk).update(status="queued", due_at=clock.now())

    assert restores._place(entry)
    email.refresh_from_db()
    assert (email.status, statuses(email)) == ("sent", {BOB.address: "suppressed", ANN.address: "accepted"})


def entry_of(email: Email, recipients: str) -> Entry:
    attempt = email.attempts.get()
    return Entry(
        attempt=str(attempt.pk),
        outcome="accepted",
        email=str(email.pk),
        epoch=1,
        provider="ses",
        recipients=recipients,
        provider_message_id="m",
    )


@pytest.mark.parametrize("verb", ["send", "dispatch"])
def test_an_empty_table_costs_no_statement(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "_EMPTY_FOR", 60.0)
    screening.forget()
    emails.send(draft(), team=None)  # what is looked up once
    waiting = accepted()
    with CaptureQueriesContext(connection) as queries:
        emails.send(draft(), team=None) if verb == "send" else rounds.dispatch(waiting.pk)
    assert not any("suppression" in query["sql"] for query in queries)


def test_a_filled_table_costs_one_statement_for_each_offer() -> None:
    suppress()
    emails.send(draft(to=(ANN,)), team=None)
    with CaptureQueriesContext(connection) as queries:
        emails.send(draft(to=(ANN, EVE)), team=None)
    assert sum("suppression" in query["sql"] for query in queries) == 1
