"""An older state of the database comes back: nothing goes out twice in silence, and no `stop` mail twice."""

import io
import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from delivery import journal
from delivery.content import addresses
from delivery.db import clock
from delivery.journal import Entry
from delivery.models import Attempt, Email, Lineage, MailingRecipient, Watermark
from delivery.queue import watermark, watermark_notes
from delivery.recovery import rescue, restores, watch
from delivery.sending import rounds
from tests import fakes
from tests.delivery.factories import queued, under_way
from tests.delivery.mailings import mailed

pytestmark = pytest.mark.django_db(transaction=True)
LATER = timedelta(hours=3)


def state() -> dict[str, Any]:
    """Save what a backup would hold of the database."""
    from django.core import serializers

    models = (
        Lineage,
        Watermark,
        Email,
        *[relation.related_model for relation in Email._meta.related_objects],
    )
    return {"rows": serializers.serialize("json", [row for model in models for row in model.objects.all()])}


def restore(saved: dict[str, Any]) -> None:
    """Let the database be as it was, and this process be another one."""
    from django.core import serializers

    for model in (Email, Lineage, Watermark):
        model.objects.all().delete()
    for row in serializers.deserialize("json", saved["rows"]):
        row.save()
    journal.close()
    watermark.forget()


def sent_since(**fields: Any) -> tuple[Email, dict[str, Any]]:
    """Return an email that was sent after the state was saved in which it waits."""
    email = queued(**fields)
    watch.look()
    saved = state()
    assert rounds.dispatch(email.pk)
    watch.look()
    return email, saved


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("policy", ["resend", "stop"])
def test_what_was_sent_since_is_not_sent_again_before_somebody_says_so(
    policy: str, ses: fakes.FakeVendor, caplog: Any
) -> None:
    email, saved = sent_since(on_ambiguous=policy)
    restore(saved)

    watch.look()

    assert rounds.dispatch(email.pk) is None
    assert len(ses.arrived()) == 1
    assert "after_restore: an older state of the database has come back" in caplog.text
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "after_restore")
    assert "restore" in wrong()


@pytest.mark.usefixtures("providers")
def test_a_worker_that_has_not_looked_yet_looks_before_it_claims(ses: fakes.FakeVendor) -> None:
    email, saved = sent_since()
    restore(saved)
    watermark.connected()

    assert rounds.dispatch(email.pk) is None
    assert len(ses.arrived()) == 1


@pytest.mark.usefixtures("providers")
def test_new_emails_go_on_while_the_old_are_held(ses: fakes.FakeVendor) -> None:
    _, saved = sent_since()
    restore(saved)
    watch.look()

    new = queued(created_at=clock.now() + timedelta(seconds=1))

    sent = rounds.dispatch(new.pk)
    assert sent
    assert sent.status == "sent"


@pytest.mark.usefixtures("providers")
def test_after_the_command_it_is_sent_again_and_marked(ses: fakes.FakeVendor, settings: Any) -> None:
    settings.GOMAIL_HOLD_SECONDS = 0
    email, saved = sent_since()
    forget_lines(saved)

    said = after_restore()

    email.refresh_from_db()
    assert (email.status, email.reason) == ("unknown", restores.REASON)
    assert "sent again and marked as possible duplicates: 1" in said
    again = rounds.dispatch(email.pk)
    assert again
    assert again.possible_duplicate
    assert len(ses.arrived()) == 2


@pytest.mark.usefixtures("providers")
def test_after_the_command_mail_that_must_not_go_twice_waits_for_a_person(ses: fakes.FakeVendor) -> None:
    email, saved = sent_since(on_ambiguous="stop")
    forget_lines(saved)

    said = after_restore()

    email.refresh_from_db()
    assert (email.status, email.due_at, email.recipients.get().status) == ("unknown", None, "unknown")
    assert "left unknown (on_ambiguous=stop, or in doubt too often): 1" in said
    assert rounds.dispatch(email.pk) is None
    assert len(ses.arrived()) == 1


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("forgets", [True, False], ids=["doubt", "place"])
def test_a_mailing_learns_what_became_of_its_email(*, forgets: bool) -> None:
    mailing = mailed.started(mailed.group(1), on_ambiguous="stop")
    email, saved = sent_since(on_ambiguous="stop", mailing=mailing)
    row = MailingRecipient.objects.get()
    (forget_lines if forgets else restore)(saved)
    MailingRecipient.objects.filter(pk=row.pk).update(state="queued", email=email.pk)

    after_restore()
    row.refresh_from_db()
    assert row.state == ("unknown" if forgets else "sent")


def forget_lines(saved: dict[str, Any]) -> None:
    """Restore, on a machine whose journal is so full that it has forgotten the single attempts."""
    journal.close()
    room, journal._MOST_DONE = journal._MOST_DONE, 0
    watch.look()
    journal._MOST_DONE = room
    restore(saved)


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("policy", ["resend", "stop"])
def test_what_the_journal_proves_to_be_accepted_is_sent_and_not_in_doubt(
    policy: str, ses: fakes.FakeVendor
) -> None:
    email, saved = sent_since(on_ambiguous=policy)
    (accepted,) = Attempt.objects.all()
    leave_line(saved, accepted)

    after_restore()

    email.refresh_from_db()
    assert (email.status, email.provider, email.recipients.get().status) == ("sent", "ses", "accepted")
    again = Attempt.objects.get()
    assert (again.pk, again.outcome, again.provider_message_id) == (
        accepted.pk,
        "accepted",
        "ses-message-id",
    )
    assert wrong() == []
    assert rounds.dispatch(email.pk) is None


def leave_line(saved: dict[str, Any], attempt: Attempt, **changes: Any) -> None:
    """Restore, on a machine where a killed process had written this attempt to the journal, and not been looked at."""
    entry = Entry(**{**vars(last_entry(attempt)), **changes})
    restore(saved)
    journal.write(entry)


def last_entry(attempt: Attempt) -> Entry:
    recipients = attempt.email.recipients.values_list("canonical", flat=True)
    return Entry(
        attempt=str(attempt.pk),
        outcome=attempt.outcome,
        provider_message_id=attempt.provider_message_id,
        email=str(attempt.email_id),
        epoch=attempt.epoch,
        provider=attempt.provider,
        recipients=addresses.fingerprint(recipients),
        at=clock.now().isoformat(),
        database=watermark.name(),
    )


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": "of somebody else"},
        {"recipients": ""},
        {"outcome": "unknown", "error": "unknown"},
        {"outcome": "refused_temporarily", "error": "throttled"},
        {"outcome": "not_sent", "error": "unavailable"},
        {"outcome": "refused", "error": "refused"},
    ],
)
def test_a_line_that_proves_less_puts_its_email_in_doubt(changes: dict[str, str]) -> None:
    email, saved = sent_since(on_ambiguous="stop")
    leave_line(saved, Attempt.objects.get(), **changes)

    watch.look()

    email.refresh_from_db()
    assert (email.status, email.due_at, email.recipients.get().status) == ("unknown", None, "unknown")
    assert Attempt.objects.get().outcome == changes.get("outcome", "accepted")
    assert watermark.held_before()


@pytest.mark.usefixtures("providers")
def test_a_line_alone_is_proof_where_the_number_is_none() -> None:
    email = queued()
    watch.look()
    lost = Entry(attempt=str(uuid4()), outcome="accepted", email=str(uuid4()), at=clock.now().isoformat())
    journal.write(lost)

    watch.look()

    assert rounds.dispatch(email.pk) is None
    assert watermark_notes.kept(watermark.current().name) == {lost.attempt: lost}


@pytest.mark.usefixtures("providers")
def test_what_was_accepted_and_is_gone_is_listed_once(journal_folder: Path) -> None:
    watch.look()
    saved = state()
    email = queued()
    assert rounds.dispatch(email.pk)
    leave_line(saved, Attempt.objects.get())

    said = after_restore()

    assert f"email {email.pk}  accepted by ses  ses-message-id" in said
    (listed,) = journal_folder.glob("*.listed")
    assert json.loads(listed.read_text())["email"] == str(email.pk)
    assert str(email.pk) not in after_restore()
    assert wrong() == []


@pytest.mark.usefixtures("providers")
def test_to_run_it_again_changes_nothing(ses: fakes.FakeVendor) -> None:
    _, saved = sent_since()
    forget_lines(saved)
    after_restore()
    before = state()

    said = after_restore()

    assert "sent again and marked as possible duplicates: 0" in said
    assert rows(state()) == rows(before)


def rows(saved: dict[str, Any]) -> list[Any]:
    """Return the saved rows without the machine's number, which grows by itself."""
    return [row for row in json.loads(saved["rows"]) if row["model"] != "delivery.watermark"]


@pytest.mark.usefixtures("providers")
def test_a_rehearsal_changes_nothing_and_counts_the_same() -> None:
    resend, saved = sent_since()
    queued(on_ambiguous="stop", created_at=resend.created_at)
    forget_lines(saved)
    queued(on_ambiguous="stop")
    watch.look()
    before = state()

    told = after_restore("--dry-run")

    assert state() == before
    assert "would be sent again and marked as possible duplicates: 1" in told
    assert "would be left unknown (on_ambiguous=stop, or in doubt too often): 1" in told
    assert "left unknown (on_ambiguous=stop, or in doubt too often): 1" in after_restore()


@pytest.mark.usefixtures("providers")
def test_a_rehearsal_counts_what_the_journal_proves_before_anybody_has_noticed() -> None:
    email, saved = sent_since()
    restore(saved)
    before = state()

    told = after_restore("--dry-run")

    assert state() == before
    assert "would be sent again and marked as possible duplicates: 0" in told
    assert "which the journal proves, would be settled: 1" in told
    said = after_restore()
    assert "sent again and marked as possible duplicates: 0" in said
    assert "which the journal proves, settled: 1" in said
    email.refresh_from_db()
    assert email.status == "sent"


@pytest.mark.usefixtures("providers")
def test_other_machines_believe_the_database_again_without_a_command_of_their_own(
    settings: Any, tmp_path: Path
) -> None:
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "other")
    watch.look()
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "journal")
    _, saved = sent_since()
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "other")
    for _ in range(3):
        Watermark.objects.update(moved_at=clock.now() - LATER)
        watch.look()
    restore(saved)
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "journal")
    after_restore()
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "other")
    watermark.forget()

    watch.look()

    assert watermark.held_before() is None


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("is_running", [True, False])
def test_each_machine_settles_and_lists_what_its_own_journal_knows(
    is_running: bool, settings: Any, tmp_path: Path
) -> None:
    here, there = str(tmp_path / "journal"), str(tmp_path / "other")
    settings.GOMAIL_JOURNAL_DIR = there
    email, saved = sent_since(on_ambiguous="stop")
    gone = queued()
    assert rounds.dispatch(gone.pk)
    watch.look()
    journal.close()
    settings.GOMAIL_JOURNAL_DIR = here
    watch.look()
    Watermark.objects.update(moved_at=clock.now() - LATER)
    watch.look()
    restore(saved)
    if is_running:
        settings.GOMAIL_JOURNAL_DIR = there
        watch.look()
        settings.GOMAIL_JOURNAL_DIR = here
    assert "not in this database any more: 0" in after_restore()

    settings.GOMAIL_JOURNAL_DIR = there
    watch.look()

    email.refresh_from_db()
    assert (email.status, watermark.held_before()) == ("sent", None)
    assert str(gone.pk) in after_restore()
    watch.look()
    assert (wrong(), watermark_notes.kept(watermark.current().name)) == ([], {})


@pytest.mark.usefixtures("providers")
def test_the_same_backup_restored_twice_is_noticed_twice() -> None:
    email, saved = sent_since()
    for _ in range(2):
        restore(saved)
        watch.look()
        assert rounds.dispatch(email.pk) is None
        after_restore()
        assert watermark.held_before() is None


def test_a_time_in_which_nothing_is_sent_is_noticed_as_well() -> None:
    email = queued()
    watch.look()
    saved = state()
    Watermark.objects.update(moved_at=clock.now() - LATER)
    watch.look()
    restore(saved)

    watch.look()

    assert rounds.dispatch(email.pk) is None


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("policy", ["resend", "stop"])
def test_what_the_database_once_confirmed_is_remembered_and_settles_its_email(
    policy: str, ses: fakes.FakeVendor
) -> None:
    email, saved = sent_since(on_ambiguous=policy)
    restore(saved)

    said = after_restore()

    email.refresh_from_db()
    assert email.status == "sent"
    assert "which the journal proves, settled: 1" in said


@pytest.mark.usefixtures("providers")
def test_what_was_at_a_provider_in_the_saved_state_is_settled_by_what_it_answered() -> None:
    attempt = under_way()
    watch.look()
    saved = state()
    entry = last_entry(attempt)
    journal.release(journal.write(Entry(**{**vars(entry), "outcome": "accepted"})))
    Watermark.objects.update(moved_at=clock.now() - LATER)
    watch.look()
    restore(saved)

    after_restore()

    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.email.status) == ("accepted", "sent")


def test_a_line_of_an_earlier_version_is_kept_and_holds_nothing() -> None:
    watch.look()
    old = Entry(attempt=str(uuid4()), outcome="accepted")
    journal.write(old)

    watch.look()

    assert watermark.held_before() is None
    assert list(watermark_notes.kept(watermark.current().name)) == [old.attempt]
    assert "of an earlier version's journal" in after_restore()


def test_what_is_scheduled_for_later_is_left_alone() -> None:
    later = queued(status="scheduled", due_at=clock.now() + LATER)
    waiting = queued()

    after_restore()

    later.refresh_from_db(), waiting.refresh_from_db()
    assert (later.status, waiting.status) == ("scheduled", "unknown")


def test_what_was_created_after_the_state_was_saved_is_new() -> None:
    old, moment, new = queued(), clock.now(), queued()
    Email.objects.filter(pk=new.pk).update(created_at=moment + timedelta(microseconds=1000))

    after_restore("--taken-at", moment.isoformat())

    old.refresh_from_db(), new.refresh_from_db()
    assert (old.status, new.status) == ("unknown", "queued")


def test_what_was_under_way_in_the_saved_state_is_in_doubt_and_its_old_claim_is_over() -> None:
    attempt = under_way()
    claimed_only = queued(status="sending", due_at=None, epoch=1)

    after_restore()

    attempt.refresh_from_db(), claimed_only.refresh_from_db()
    assert (attempt.outcome, attempt.email.status) == ("unknown", "unknown")
    assert (claimed_only.status, claimed_only.epoch) == ("unknown", 2)
    assert wrong() == []


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01T00:00:00Z", "2026-11-28T04:00:00", "2999-01-01T00:00:00Z", ""]
)
def test_a_moment_that_cannot_be_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(CommandError, match="--taken-at is"):
        after_restore("--taken-at", text)


def test_a_deadline_that_passes_while_it_is_held_makes_no_untrue_expired() -> None:
    email = queued(expires_at=clock.now() - LATER)
    Lineage.objects.create(held_before=clock.now() + LATER)

    rescue.run()

    email.refresh_from_db()
    assert email.status == "queued"


def test_an_answer_for_an_email_that_is_gone_says_what_became_of_it(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    from providers import failpoints

    def go_back(point: str, **_: Any) -> None:
        if point == "after-response":
            with transaction.atomic():
                Email.objects.all().delete()

    monkeypatch.setattr(failpoints, "reach", go_back)
    answer = api.send(subject="Hello", body="Hi Ann")
    watch.look()

    assert (answer.status_code, answer.json()["status"]) == (200, "sent")
    assert [entry.email for entry in watermark_notes.kept(watermark.current().name).values()] == [
        answer.json()["id"]
    ]


def test_an_answer_whose_attempt_is_gone_settles_its_email_and_writes_the_attempt_again(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    from providers import failpoints

    def go_back(point: str, **_: Any) -> None:
        if point == "after-response":
            Attempt.objects.all().delete()
            Email.objects.update(status="queued", epoch=0, lease_until=None, due_at=clock.now())

    monkeypatch.setattr(failpoints, "reach", go_back)
    answer = api.send(subject="Hello", body="Hi Ann")

    assert answer.json()["status"] == "sent"
    assert Attempt.objects.get().outcome == "accepted"
    assert Email.objects.get().status == "sent"


def after_restore(*arguments: str) -> str:
    out = io.StringIO()
    call_command("after_restore", *arguments, stdout=out)
    return out.getvalue()


def wrong() -> list[str]:
    """Return the questions of the doctor that find something wrong, but that nobody works."""
    out = io.StringIO()
    with suppress(SystemExit):
        call_command("doctor", "--json", stdout=out)
    found = json.loads(out.getvalue())["findings"]
    return [one["question"] for one in found if one["is_wrong"] and one["question"] != "workers"]
