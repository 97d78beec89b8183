"""manage.py doctor: what is broken is named with what to do, and what is safe is mended."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery import process
from delivery.db import ids
from delivery.doctor import invariants, walk
from delivery.journal import Entry
from delivery.models import Attempt, Email, IdempotencyKey, Recipient, Worker
from delivery.models.idempotency import KEPT
from delivery.queue import claims
from delivery.submission import changes, emails
from tests import fakes
from tests.delivery.doctor.runs import doctor, found, working, wrong
from tests.delivery.factories import another_process, draft, left_behind, queued, under_way
from tests.providers.fault_server import reset

pytestmark = pytest.mark.django_db
NOW = timezone.now
LONG_AGO = timedelta(hours=2)


def finished(status: str, *outcomes: str, recipients: str = "", **fields: Any) -> Email:
    """Return an email that has come to this, with attempts of one claim each."""
    states = invariants.FITTING[status]
    email = queued(
        **{"status": status, "due_at": None, "epoch": len(outcomes), "finished_at": NOW(), **fields}
    )
    email.recipients.update(status=recipients or states[-1])
    for number, outcome in enumerate(outcomes, 1):
        Attempt.objects.create(email=email, provider="ses", epoch=number, outcome=outcome)
    return email


def test_an_empty_installation_is_well() -> None:
    status, said = doctor()
    assert (status, said.rstrip().endswith("Nothing is wrong.")) == (0, True)
    assert "ok       Every email has recipients." in said


def test_emails_of_every_outcome_are_well(
    providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    working()
    emails.send(draft(), team=None)
    changes.cancel(emails.accept(draft(send_at=NOW() + LONG_AGO), team=None))
    for fault in (fakes.SES_BAD_MESSAGE, reset(), fakes.SES_FAILING):
        ses.default, sendgrid.default = fault, fakes.SENDGRID_DOWN
        emails.send(draft(on_ambiguous="stop"), team=None)
        emails.send(draft(), team=None)
    emails.accept(draft(send_at=NOW() + LONG_AGO), team=None)
    Email.objects.filter(status="queued").update(expires_at=NOW())
    for state in ("partial", "quarantined"):
        finished(state, "accepted" if state == "partial" else "unknown")
    call_command("doctor", "--repair", stdout=StringIO())

    assert set(Email.objects.values_list("status", flat=True)) >= {
        "sent", "cancelled", "failed", "unknown", "scheduled", "partial", "quarantined"
    }  # fmt: skip
    assert wrong() == []


def lose_recipients() -> None:
    finished("sent", "accepted").recipients.all().delete()


def leave_an_attempt_open_that_waits() -> None:
    Attempt.objects.create(email=queued(epoch=1), provider="ses", epoch=1)


def leave_an_attempt_of_an_earlier_claim_open() -> None:
    Attempt.objects.create(email=under_way(epoch=2, outcome="not_sent").email, provider="ses", epoch=1)


def leave_a_claim() -> None:
    under_way(lease_until=NOW() - timedelta(seconds=16))


def leave_a_claim_without_end() -> None:
    under_way(lease_until=None)


def wait_beyond_the_deadline() -> None:
    queued(expires_at=NOW() - LONG_AGO)


def doubt_beyond_the_deadline() -> None:
    doubt = finished("unknown", "unknown")
    Email.objects.filter(pk=doubt.pk).update(expires_at=NOW() - LONG_AGO, due_at=NOW() - LONG_AGO)


def attempt_later_than_ever() -> None:
    finished("sent", "accepted", epoch=0)


def accept_what_waits() -> None:
    Attempt.objects.create(email=queued(epoch=1), provider="ses", epoch=1, outcome="accepted")


def accept_what_is_in_doubt() -> None:
    finished("unknown", "accepted")


def accept_what_was_cancelled() -> None:
    finished("cancelled", "accepted")


def doubt_what_waits() -> None:
    Attempt.objects.create(email=queued(epoch=1), provider="ses", epoch=1, outcome="unknown")


def doubt_what_failed() -> None:
    finished("failed", "unknown")


def send_without_a_provider() -> None:
    finished("sent", "not_sent")


def accept_twice_in_silence() -> None:
    finished("sent", "accepted", "accepted")


def accept_after_a_doubt_in_silence() -> None:
    finished("sent", "unknown", "accepted")


def forget() -> None:
    queued(due_at=None)


def forget_a_time() -> None:
    queued(due_at=None, status="scheduled")


def wait_for_long() -> None:
    queued(due_at=NOW() - timedelta(minutes=6))


def leave_nobody_to_work() -> None:
    queued()
    Worker.objects.all().delete()


def leave_a_recipient_of(status: str, *outcomes: str) -> Callable[[], None]:
    def leave() -> None:
        finished(status, *outcomes, recipients="pending")

    return leave


def contradict() -> None:
    finished("failed", recipients="accepted")


@pytest.mark.parametrize(
    ("break_it", "question", "is_mended"),
    [
        (lose_recipients, "recipients", False),
        (leave_an_attempt_open_that_waits, "open_attempts", True),
        (leave_an_attempt_of_an_earlier_claim_open, "open_attempts", True),
        (leave_a_claim, "claims", True),
        (leave_a_claim_without_end, "claims", True),
        (wait_beyond_the_deadline, "deadlines", True),
        (doubt_beyond_the_deadline, "deadlines", True),
        (attempt_later_than_ever, "epochs", False),
        (accept_what_waits, "accepted", True),
        (accept_what_is_in_doubt, "accepted", True),
        (accept_what_was_cancelled, "accepted", False),
        (doubt_what_waits, "doubts", True),
        (doubt_what_failed, "doubts", False),
        (send_without_a_provider, "acceptance", False),
        (accept_twice_in_silence, "duplicates", True),
        (accept_after_a_doubt_in_silence, "duplicates", True),
        (forget, "forgotten", True),
        (forget_a_time, "forgotten", False),
        (wait_for_long, "queue", False),
        (leave_nobody_to_work, "workers", False),
        (contradict, "recipient_states", False),
        (leave_a_recipient_of("sent", "accepted"), "recipient_states", True),
        (leave_a_recipient_of("partial", "accepted"), "recipient_states", False),
        (leave_a_recipient_of("failed"), "recipient_states", True),
        (leave_a_recipient_of("expired"), "recipient_states", True),
        (leave_a_recipient_of("cancelled"), "recipient_states", True),
        (leave_a_recipient_of("unknown", "unknown"), "recipient_states", True),
        (leave_a_recipient_of("quarantined"), "recipient_states", True),
    ],
)
def test_what_is_broken_is_named_and_mended_if_that_is_safe(
    break_it: Callable[[], None], question: str, is_mended: bool
) -> None:
    working()
    finished("sent", "accepted")
    break_it()

    assert wrong() == [question]
    status, said = doctor("--repair")
    assert (status, "WRONG" in said) == ((0, False) if is_mended else (1, True))
    assert is_mended or "→" in said
    assert wrong() == ([] if is_mended else [question])


def test_a_healthy_email_is_left_as_it_is_by_a_repair() -> None:
    working()
    for status, outcomes in {"sent": ["accepted"], "failed": ["refused"], "unknown": ["unknown"]}.items():
        finished(status, *outcomes)
    under_way()
    queued()
    before = record()
    doctor("--repair")

    assert record() == before


def record() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Email, Recipient, Attempt)]


def test_what_may_have_been_sent_is_not_sent_in_silence_after_a_repair() -> None:
    doubt_what_waits()
    doctor("--repair")

    email = Email.objects.get()
    assert (email.status, email.recipients.get().status, email.due_at is not None) == (
        "unknown",
        "unknown",
        True,
    )
    Email.objects.update(due_at=NOW())
    claimed = claims.take(email.pk)
    assert claimed
    assert claimed.email.possible_duplicate


def test_at_most_once_stays_at_most_once_after_a_repair() -> None:
    doubt_what_waits()
    Email.objects.update(on_ambiguous="stop")
    doctor("--repair")

    email = Email.objects.get()
    assert (email.status, email.due_at) == ("unknown", None)


def test_an_open_attempt_that_a_living_process_knows_of_is_not_in_doubt(journal_folder: Path) -> None:
    working()
    attempt = under_way(outcome="started")
    Email.objects.update(status="unknown", due_at=None)
    Recipient.objects.update(status="unknown")
    from delivery import journal

    journal.write(Entry(attempt=str(attempt.pk), outcome="accepted", provider_message_id="m-1"))
    doctor("--repair")

    assert (Email.objects.get().status, Attempt.objects.get().provider_message_id) == ("sent", "m-1")


def test_an_orphan_is_recovered_at_once(journal_folder: Path) -> None:
    attempt = under_way()
    with another_process(journal_folder):
        (file,) = journal_folder.glob("*.journal")
        file.rename(journal_folder / f"{attempt.email.worker}-1.journal")
    assert wrong() == ["journal"]
    doctor("--repair")

    assert Email.objects.get().status == "unknown"


def test_a_journal_that_was_left_behind_is_named_and_read(journal_folder: Path) -> None:
    attempt = under_way()
    left_behind(journal_folder, attempt, outcome="accepted")
    assert wrong() == ["journal"]
    assert found()["journal"]["examples"] == [f"{attempt.email.worker}-1.journal"]

    assert doctor("--repair")[0] == 0
    assert Email.objects.get().status == "sent"


def test_a_persons_word_stands_for_an_acceptance() -> None:
    finished("sent", "not_sent")
    Attempt.objects.update(settled_by="anna")
    assert wrong() == []


def test_what_waits_for_a_person_is_a_note_and_not_wrong() -> None:
    finished("unknown", "unknown")
    finished("quarantined")
    status, said = doctor()
    assert status == 0
    assert "note     Emails that may or may not have been sent, and wait for a person: 1." in said
    assert "note     Emails in quarantine, because each crashed every process that had it: 1." in said


def test_keys_that_are_of_no_use_any_more_are_a_note() -> None:
    for status in ("sent", "unknown"):
        IdempotencyKey.objects.create(
            scope="", key=status, fingerprint="", waited=False, email=finished(status, status)
        )
    assert not found()["keys"]["is_note"]
    IdempotencyKey.objects.update(created_at=NOW() - KEPT)
    assert found()["keys"]["count"] == 1


def test_that_nobody_works_is_no_trouble_while_nothing_waits() -> None:
    assert found()["workers"]["is_note"]


def test_celery_workers_are_workers(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1/0"
    queued()
    assert wrong() == []


@pytest.mark.parametrize(
    ("minutes", "cause", "words"),
    [
        (6, lambda: None, "No worker is running: start"),
        (6, working, "The workers do not keep up"),
    ],
)
def test_why_the_queue_stands_is_told(minutes: int, cause: Callable[[], None], words: str) -> None:
    cause()
    queued(due_at=NOW() - timedelta(minutes=minutes))
    row = found()["queue"]
    assert words in row["todo"]
    assert "the first since 6 min" in row["sentence"]


def test_that_no_provider_may_be_used_is_told(providers: None) -> None:
    from delivery.routing import circuits

    working()
    for name in ("ses", "sendgrid"):
        circuits.take_out(name, by="ann", reason="maintenance")
    wait_for_long()
    assert "`manage.py check_providers` says why" in found()["queue"]["todo"]


def test_only_the_first_ten_are_named() -> None:
    for _ in range(12):
        contradict()
    row = found()["recipient_states"]
    assert (row["count"], len(row["examples"])) == (12, 10)
    assert "and 2 more" in doctor()[1]


def test_json_is_for_monitoring() -> None:
    contradict()
    status, said = doctor("--json")  # the exit status is the same as that of the text
    told = json.loads(said)
    assert (status, told["healthy"]) == (1, False)
    assert {row["question"] for row in told["findings"]} >= {"recipients", "attachments", "journal", "queue"}


def test_what_was_mended_is_told() -> None:
    forget()
    working()
    status, said = doctor("--repair")
    assert status == 0
    assert "repaired Emails that are waiting without a due time" in said
    assert "repaired: 1 of 1" in said


def test_no_address_is_printed() -> None:
    for break_it in (contradict, lose_recipients, leave_a_claim):
        break_it()
    said = doctor()[1] + doctor("--json")[1] + doctor("--repair")[1]
    assert "@example.org" not in said
    assert "Hello" not in said


def test_nothing_is_missed_between_two_windows(monkeypatch: Any) -> None:
    monkeypatch.setattr(walk, "_AT_ONCE", 3)
    for _ in range(8):
        contradict()
    assert found()["recipient_states"]["count"] == 8


def test_a_long_log_costs_a_bounded_number_of_statements_for_a_window(monkeypatch: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            doctor()
        return len(captured)

    monkeypatch.setattr(walk, "_AT_ONCE", 10)
    sent(10)
    few = statements()
    sent(100)
    assert statements() - few <= 10 * (len(invariants.INVARIANTS) + 2)


def sent(count: int) -> None:
    rows = [
        Email(id=ids.uuid7(), from_address="me@example.org", status="sent", epoch=1) for _ in range(count)
    ]
    Email.objects.bulk_create(rows)
    Recipient.objects.bulk_create(Recipient(email=row, kind="to", status="accepted") for row in rows)
    Attempt.objects.bulk_create(
        Attempt(email=row, provider="ses", epoch=1, outcome="accepted") for row in rows
    )


def test_every_status_has_states_that_fit_it() -> None:
    assert set(invariants.FITTING) == set(Email.Status)
    fitting = {state for states in invariants.FITTING.values() for state in states}
    assert {*fitting, *invariants.TOLD} == set(Recipient.Status)


def test_progress_is_shown_on_a_terminal_only() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    sent(1)
    terminal, pipe = Terminal(), StringIO()
    for stream in (terminal, pipe):
        call_command("doctor", stdout=StringIO(), stderr=stream)
    assert "Emails: " in terminal.getvalue()
    assert pipe.getvalue() == ""


def test_this_process_is_not_taken_for_one_that_has_gone() -> None:
    under_way(worker=process.identity())
    working()
    assert wrong("--repair") == []
    assert Email.objects.get().status == "sending"
