"""A mailing becomes one email for each recipient, and nobody is lost, asked twice, or written to who must not be."""

import itertools
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from delivery.audience import contacts, groups
from delivery.db import clock
from delivery.events import record
from delivery.mailings import claims, pace, slices, states
from delivery.mailings.choosing import Choice
from delivery.mailings.pace import Pace
from delivery.mailings.run import Runner
from delivery.mailings.sender import Sender
from delivery.models import Contact, Email, Limits, Mailing, MailingRecipient, Membership, Team, TeamDeletion
from delivery.queue.fairness import FairQueue
from delivery.recovery import rescue
from delivery.sending import unknown
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from delivery.workers import embedded
from providers.events import Bounce, Event, Kind
from tests import fakes
from tests.delivery.mailings import mailed
from tests.delivery.mailings.mailed import arrived, go_on, hand_over, make, send
from tests.providers.fault_server import close

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("providers")]


def test_everybody_gets_one_email(ses: fakes.FakeVendor) -> None:
    readers = mailed.group(12)
    mailing = send(mailed.started(readers))

    assert arrived(ses) == sorted(mailed.addresses(list(Contact.objects.all())))
    assert set(mailed.found(mailing).values()) == {"sent"}
    assert mailing.state == "done"
    assert mailing.finished_at
    row = MailingRecipient.objects.select_related("email").first()
    assert row
    assert (row.provider, row.possible_duplicate) == ("ses", False)
    assert row.email
    assert (row.email.priority, row.email.mailing_id) == ("bulk", mailing.pk)


def test_bodies_that_can_be_written_again_are_not_kept() -> None:
    send(mailed.started(mailed.group(2)))
    assert [email.html_body for email in Email.objects.all()] == ["", ""]
    assert not Email.objects.filter(body_pruned_at=None).exists()


def test_for_whom_it_cannot_be_written_fails_alone_and_may_be_tried_again(ses: fakes.FakeVendor) -> None:
    readers = mailed.group(5)
    nameless = mailed.person(readers, "nameless@example.com")
    mailing = send(mailed.started(readers))

    fault = "render: The template needs what is not given: contact.first_name."
    assert mailed.reasons(mailing) == {"nameless@example.com": fault}
    assert sorted(mailed.found(mailing).values()) == ["failed", *["sent"] * 5]

    Contact.objects.filter(pk=nameless.pk).update(first_name="Ann")
    with transaction.atomic():
        states.retry_failed(mailing)
    send(mailing)
    assert set(mailed.found(mailing).values()) == {"sent"}
    assert len(arrived(ses)) == 6


def test_nothing_is_sent_during_a_pause_and_the_rest_after_it(
    ses: fakes.FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_MOST_QUEUED", 4)
    mailing = mailed.started(mailed.group(9))
    runner = make()
    with transaction.atomic():
        states.pause(mailing, "ann")

    assert hand_over() == 0
    make(runner)
    assert Email.objects.count() == 4

    with transaction.atomic():
        states.resume(mailing)
    send(mailing)
    assert len(arrived(ses)) == len(set(arrived(ses))) == 9


def test_a_cancelled_mailing_sends_nothing_more(
    ses: fakes.FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_MOST_QUEUED", 3)
    mailing = mailed.started(mailed.group(8))
    runner = make()
    embedded.hand_over(threading.Event(), FairQueue())
    make(runner)
    with transaction.atomic():
        states.cancel(mailing)

    assert hand_over() == 0
    make(runner)
    make(runner)
    mailing.refresh_from_db()
    assert mailing.state == "cancelled"
    assert mailing.finished_at
    assert sorted(mailed.found(mailing).values()) == [*["cancelled"] * 5, *["sent"] * 3]
    assert set(Email.objects.values_list("status", flat=True)) == {"sent", "cancelled"}


def leave_by_link(contact: Contact) -> None:
    entries.add(
        [
            Finding(
                team_id=None,
                address=contact.email,
                kind="unsubscribe",
                scope=f"list:{Membership.objects.get(contact=contact).group_id}",
                source="link",
                at=clock.now(),
            )
        ]
    )


def leave_group(contact: Contact) -> None:
    with transaction.atomic():
        groups.set_status(Membership.objects.get(contact=contact), "unsubscribed", by="api")


def be_removed(contact: Contact) -> None:
    with transaction.atomic():
        groups.remove(Membership.objects.get(contact=contact), by="admin")


def be_deleted(contact: Contact) -> None:
    with transaction.atomic():
        contacts.delete(contact)


def bounce(contact: Contact) -> None:
    finding = Finding(
        team_id=None, address=contact.email, kind="hard_bounce", source="ses", at=clock.now(), reason=""
    )
    entries.add([finding])


@pytest.mark.parametrize("queued", [False, True], ids=["waiting", "queued"])
@pytest.mark.parametrize(
    ("leave", "state"),
    [
        (leave_by_link, "unsubscribed"),
        (leave_group, "unsubscribed"),
        (be_removed, "unsubscribed"),
        (be_deleted, "unsubscribed"),
        (bounce, "suppressed"),
    ],
)
def test_who_has_left_before_the_own_turn_gets_nothing(
    settings: Any, ses: fakes.FakeVendor, leave: Callable[[Contact], None], state: str, *, queued: bool
) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.net", ("k" * 32,)
    mailing = mailed.started(mailed.group(3, unsubscribe=True))
    runner = make() if queued else Runner()
    leave(Contact.objects.get(email="p2@example.com"))

    make(runner)
    hand_over()
    make(runner)

    assert arrived(ses) == ["p1@example.com", "p3@example.com"]
    assert mailed.found(mailing) == {
        "p1@example.com": "sent",
        "p2@example.com": state,
        "p3@example.com": "sent",
    }
    assert mailed.reasons(mailing)["p2@example.com"]


def test_a_slice_that_does_not_fit_the_limits_waits_and_does_not_fail(ses: fakes.FakeVendor) -> None:
    team = mailed.team()
    limits = Limits.objects.create(team=team, daily=4)  # of which one is left to other mail
    mailing = mailed.started(mailed.group(5, of=team))
    runner = make()
    hand_over()
    make(runner)

    mailing.refresh_from_db()
    assert sorted(mailed.found(mailing).values()) == ["sent", "sent", "sent", "waiting", "waiting"]
    assert (mailing.state, mailing.reason) == ("sending", "Waits for the limits of its team or key.")

    Limits.objects.filter(pk=limits.pk).update(daily=10)
    assert send(mailing, runner).state == "done"
    assert len(arrived(ses)) == 5


@pytest.mark.parametrize("limit", [{"daily": 20}, {"waiting": 20}, {"per_second": 0.01, "burst": 20}])
def test_a_mailing_leaves_a_tenth_of_its_limits_to_other_mail(limit: dict[str, Any]) -> None:
    team = mailed.team()
    Limits.objects.create(team=team, **limit)
    mailing = mailed.started(mailed.group(21, of=team))
    make()
    assert list(mailed.found(mailing).values()).count("queued") == 18


def test_what_the_storage_has_no_room_for_is_not_written_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    team, write, written = mailed.team(), slices.write, []
    limits = Limits.objects.create(team=team, stored_mb=1, stored=2_000_000)

    def count(*given: Any) -> slices.Slice:
        written.append(given)
        return write(*given)

    monkeypatch.setattr(slices, "write", count)
    mailing = mailed.started(mailed.group(2, of=team))
    runner = make()
    for _ in range(5):
        make(runner)
    assert len(written) == 1
    mailing.refresh_from_db()
    assert "bytes of bodies" in mailing.reason

    Limits.objects.filter(pk=limits.pk).update(stored_mb=None)
    runner.finish()
    assert send(mailing).state == "done"


def test_the_rate_is_kept_over_processes_that_take_turns() -> None:
    mailing = mailed.started(mailed.group(60), rate=20.0)
    for _ in range(200):
        make(Runner()).finish()  # each begins with what stands in the row
        if Email.objects.count() >= 40:
            break
        time.sleep(0.05)
    due = sorted(Email.objects.values_list("due_at", flat=True))
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(due)]
    assert 40 <= len(due) <= 60
    gaps = gaps[5:]  # the first are due once they are written
    assert max(gaps) == pytest.approx(0.05, abs=0.002)
    assert min(gaps) == pytest.approx(0.05, abs=0.002)
    assert mailing.pk


def test_a_domain_with_a_rate_of_its_own_holds_up_nobody_else() -> None:
    readers = mailed.group(10, name="g")
    mailed.people(readers, 10, domain="slow.example", start=11)
    mailed.people(readers, 10, start=21)
    runner = Runner()
    mailed.started(readers, domain_rates={"slow.example": 2.0})
    make(runner)
    make(runner)

    slow = sorted(Email.objects.filter(recipients__address__endswith="@slow.example").values_list("due_at"))
    assert Email.objects.exclude(recipients__address__endswith="@slow.example").count() == 20
    assert len(slow) == 5  # of the next two seconds
    time.sleep(0.6)
    make(runner)
    assert Email.objects.filter(recipients__address__endswith="@slow.example").count() in {6, 7}


def test_a_domain_of_which_nobody_waits_is_looked_for_only_now_and_then() -> None:
    mailing = mailed.started(mailed.group(6), domain_rates={"gone.example": 1.0})
    choice = Choice(mailing)
    choice.done(choice.next(Pace(mailing, clock.now()), 2), [])
    assert [_looks_for("gone.example", choice, mailing) for _ in range(3)] == [1, 0, 0]

    choice.done([], [MailingRecipient(address="ann@Gone.example")])
    assert _looks_for("gone.example", choice, mailing) == 1


def _looks_for(domain: str, choice: Choice, mailing: Mailing) -> int:
    with CaptureQueriesContext(connection) as captured:
        choice.next(Pace(mailing, clock.now()), 1)
    return sum(domain in query["sql"] for query in captured.captured_queries)


def test_of_several_mailings_each_writes_for_a_short_time_and_none_loses_its_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailings = [mailed.started(mailed.group(1, of=mailed.team(name), name=name)) for name in ("shop", "club")]
    runner, given = Runner(), []

    def step(_: Sender, seconds: float) -> bool:
        given.append(seconds)
        return False

    monkeypatch.setattr(Sender, "step", step)
    runner.step(go_on)
    Mailing.objects.update(lease_until=clock.now() - timedelta(seconds=1), crashes=1)
    runner._renew_at = 0.0
    runner.step(go_on)
    assert given == [0.25] * 4
    kept = Mailing.objects.filter(
        pk__in=[each.pk for each in mailings], lease_until__gt=clock.now(), crashes=1
    )
    assert kept.count() == 2


def test_no_more_emails_are_made_than_are_needed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_MOST_QUEUED", 10)
    monkeypatch.setattr(slices, "MOST", 4)
    mailed.started(mailed.group(30))
    runner = make()
    assert Email.objects.count() == 10

    hand_over()
    make(runner)
    assert Email.objects.filter(status="queued").count() <= 10


def test_a_mailing_for_later_begins_at_its_time(ses: fakes.FakeVendor) -> None:
    mailing = mailed.started(mailed.group(2), send_at=clock.now() + timedelta(hours=1))
    runner = make()
    assert not Email.objects.exists()

    Mailing.objects.update(send_at=clock.now() - timedelta(seconds=1))
    make(runner)
    mailing.refresh_from_db()
    assert mailing.state == "sending"
    send(mailing, runner)
    assert len(arrived(ses)) == 2


def test_a_mailing_that_ended_three_processes_is_paused(caplog: pytest.LogCaptureFixture) -> None:
    mailing = mailed.started(mailed.group(2))
    for _ in range(3):
        assert claims.take(mailing.pk)
        Mailing.objects.update(lease_until=None)  # its process is gone
    assert claims.take(mailing.pk) is None
    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == ("paused", claims.SET_ASIDE)
    assert "is set aside" in caplog.text


def test_a_slice_is_stored_wholly_or_not_at_all(
    ses: fakes.FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = mailed.started(mailed.group(4))

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(claims, "advance", fail)
        make()
    assert not Email.objects.exists()
    assert set(mailed.found(mailing).values()) == {"waiting"}

    Mailing.objects.update(lease_until=None)
    send(mailing)
    assert len(arrived(ses)) == 4


def test_a_process_that_was_paused_for_longer_than_its_lease_makes_nothing() -> None:
    mailing = mailed.started(mailed.group(3))
    slow = Runner()
    slow._look(go_on)
    Mailing.objects.update(lease_until=None)
    make()
    slow._step(*slow._have[0])
    assert Email.objects.count() == 3
    assert mailing.pk


def test_an_email_that_nobody_accepts_by_its_deadline_has_failed() -> None:
    mailing = mailed.started(mailed.group(1))
    runner = make()
    Email.objects.update(expires_at=clock.now())
    rescue.run()
    make(runner)
    assert mailed.found(mailing) == {"p1@example.com": "failed"}
    assert "deadline" in mailed.reasons(mailing)["p1@example.com"]


def test_what_was_under_way_at_a_pause_is_told_during_the_pause() -> None:
    mailing = mailed.started(mailed.group(2))
    make()
    with transaction.atomic():
        states.pause(mailing, "ann")
    answered = Email.objects.order_by("id")[:1]
    Email.objects.filter(pk__in=list(answered.values_list("pk", flat=True))).update(
        status="failed", due_at=None, reason="Refused."
    )
    make()
    assert sorted(mailed.found(mailing).values()) == ["failed", "queued"]

    Email.objects.update(status="failed", due_at=None)
    Mailing.objects.update(paused_at=clock.now() - timedelta(hours=1))
    make()
    assert sorted(mailed.found(mailing).values()) == ["failed", "queued"]  # a long pause costs nothing


def test_what_may_have_been_sent_stays_unknown_until_it_is_known(ses: fakes.FakeVendor) -> None:
    ses.script(close())
    mailing = send(mailed.started(mailed.group(1)))
    assert (mailing.state, mailed.found(mailing)) == ("done", {"p1@example.com": "unknown"})

    email = Email.objects.get()
    assert unknown.deny(email, by="ann")
    mailing.refresh_from_db()
    assert (mailing.state, mailed.found(mailing)) == ("sending", {"p1@example.com": "queued"})
    send(mailing)
    assert mailed.found(mailing) == {"p1@example.com": "sent"}


def test_a_mailing_is_not_done_while_somebody_is_being_queued_again(ses: fakes.FakeVendor) -> None:
    ses.script(close())
    mailing = send(mailed.started(mailed.group(1)))
    Mailing.objects.update(state="sending", finished_at=None)
    denied, ended = threading.Event(), threading.Event()

    def deny() -> None:
        with transaction.atomic():
            unknown.deny(Email.objects.get(), by="ann")
            denied.set()
            ended.wait(0.5)  # as long as it waits for us, it cannot end
        connection.close()

    person = threading.Thread(target=deny)
    person.start()
    denied.wait(10)
    runner = make()
    ended.set()
    person.join()
    make(runner)
    mailing.refresh_from_db()
    assert (mailing.state, mailed.found(mailing)) == ("sending", {"p1@example.com": "queued"})


def unknown_of_a_cancelled(ses: fakes.FakeVendor) -> tuple[Mailing, Email]:
    ses.script(close())
    mailing = mailed.started(mailed.group(1, of=mailed.team()))
    make()
    hand_over()
    Mailing.objects.update(lease_until=None, worker=None)
    with transaction.atomic():
        states.cancel(mailing)
    make()
    mailing.refresh_from_db()
    assert mailing.finished_at
    assert mailed.found(mailing) == {"p1@example.com": "unknown"}
    return mailing, Email.objects.get()


def test_what_a_person_queues_again_of_a_cancelled_mailing_is_cancelled(ses: fakes.FakeVendor) -> None:
    mailing, email = unknown_of_a_cancelled(ses)
    assert unknown.deny(email, by="ann")
    make()
    mailing.refresh_from_db()
    assert (mailing.state, mailed.found(mailing)) == ("cancelled", {"p1@example.com": "cancelled"})
    assert mailing.finished_at


def test_a_mailing_of_a_team_that_is_deleted_is_not_begun_again(ses: fakes.FakeVendor) -> None:
    mailing, email = unknown_of_a_cancelled(ses)
    TeamDeletion.objects.create(team=Team.objects.get(), name="shop", by="ann", found={})
    assert unknown.deny(email, by="ann")
    mailing.refresh_from_db()
    assert mailing.finished_at


def test_a_bounce_that_is_told_later_is_the_recipients(ses: fakes.FakeVendor) -> None:
    mailing = send(mailed.started(mailed.group(2)))
    told = ses.arrived()[0]
    bounced = Event(
        kind=Kind.BOUNCED,
        bounce=Bounce.HARD,
        at=clock.now(),
        recipient=next(iter(told.recipients)),
        attempt=told.attempt,
        name="Bounce",
        reason="No such user",
    )
    record.record("ses", [bounced])
    assert sorted(mailed.found(mailing).values()) == ["bounced", "sent"]
    assert list(mailed.reasons(mailing).values()) == ["No such user"]


def test_no_client_may_send_in_the_lane_of_mailings(api: fakes.Api) -> None:
    assert api.send(priority="bulk").status_code == 400


def test_the_worker_sends_it_by_itself(ses: fakes.FakeVendor) -> None:
    mailing, stop = mailed.checked(mailed.group(20)), threading.Event()
    worker = threading.Thread(target=embedded.run, args=(stop,), kwargs={"threads": 4})
    worker.start()
    try:
        begun = time.monotonic()
        mailed.start(mailing)
        while not ses.mails and time.monotonic() < begun + 10:
            time.sleep(0.02)
        first = time.monotonic() - begun
        while mailing.state != "done" and time.monotonic() < begun + 20:
            time.sleep(0.05)
            mailing.refresh_from_db()
    finally:
        stop.set()
        worker.join()
    assert mailing.state == "done"
    assert set(mailed.found(mailing).values()) == {"sent"}
    assert len(ses.mails) == 20
    assert first < 3
