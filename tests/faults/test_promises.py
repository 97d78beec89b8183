"""The checker of the trials must be able to fail: evidence of each broken promise, and what is said of it."""

from dataclasses import replace

import pytest

from tests.faults import defective, exam, seeds
from tests.faults.customers import Exchange, Order
from tests.faults.evidence import Evidence
from tests.faults.promises import Promise, broken
from tests.faults.record import Record
from tests.faults.samples import ASKED, ATTEMPT, EMAIL, ENTRY, LETTER, RECIPIENTS
from tests.faults.trial import Trial, too_small

SUBJECT = LETTER["subject"]
TAKEN = Exchange(status=200, ids=("e1",), said=("sent",), started=100.0, ended=101.0)
ORDER = Order(key="order-1", kind="sync", policy="stop", letters=(LETTER,), exchanges=[TAKEN])
SURE = Promise(duplicates=False, unknown=False, locked=False, quarantine=0)
LATER = replace(ATTEMPT, id="a2", started_at=105.0)
AGAIN = replace(ENTRY, attempt="a2", at=105.5)


def evidence(
    *, emails=(EMAIL,), attempts=(ATTEMPT,), ledger=(ENTRY,), orders=(ORDER,), state="accepted", **more
):
    record = Record(
        emails={email.id: email for email in emails},
        attempts=list(attempts),
        changes=[],
        recipients=[replace(one, email_id=email.id, status=state) for email in emails for one in RECIPIENTS],
    )
    answers = [answer for order in orders for answer in order.answers]
    return Evidence(
        answers=answers,
        ledger=list(ledger),
        record=record,
        log="",
        orders=list(orders),
        asked=ASKED,
        **({} | more),
    )


def answered(*statuses, code=""):
    """The order, answered like this, one after the other."""
    told = [replace(TAKEN, status=status, code=code, ids=(), said=()) for status in statuses]
    return replace(ORDER, exchanges=[*told, TAKEN])


def twice(first="unknown", **email):
    """An email that two attempts have brought to a vendor."""
    return evidence(
        emails=[replace(EMAIL, **email)],
        attempts=[replace(ATTEMPT, outcome=first), LATER],
        ledger=[ENTRY, AGAIN],
    )  # fmt: skip


def test_a_good_run_breaks_nothing():
    assert broken(evidence(), SURE) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (evidence(ledger=[]), "1 lost"),
        (evidence(emails=[]), "1 acknowledged, but not in the record"),
        (twice(on_ambiguous="resend"), "1 sent twice without saying so"),
        (twice("accepted", possible_duplicate=True), "1 sent twice though nothing was in doubt"),
        (evidence(ledger=[ENTRY, ENTRY]), "1 sent twice without saying so"),
        (twice(), "1 offered again against `stop`"),
        (evidence(ledger=[replace(ENTRY, mode="cut", accepted=False), ENTRY]), "1 offered again against `stop`"),
        (evidence(attempts=[]), "1 called without an attempt's row"),
        (evidence(ledger=[]), "1 `sent`, but with no vendor"),
        (evidence(state="pending"), "1 with an undecided recipient"),
        (evidence(attempts=[replace(ATTEMPT, outcome="started")]), "1 attempts left open"),
        (evidence(ailments=["A file is missing."]), "manage.py doctor says: A file is missing."),
        (evidence(journals=["one.journal"]), "1 journals left over"),
        (evidence(emails=[replace(EMAIL, due_at=200.0)]), "1 not settled by the workers"),
        (evidence(orders=[replace(ORDER, exchanges=[TAKEN, replace(TAKEN, ids=("e2",))])]), "1 keys with two answers"),
        (evidence(emails=[EMAIL, replace(EMAIL, id="e2")]), "1 letters written down twice"),
        (evidence(orders=[replace(ORDER, exchanges=[replace(TAKEN, status=0, ids=(), said=())])]), "1 never taken"),
        (evidence(orders=[answered(422)]), "1 repeats refused as another payload"),
        (evidence(orders=[answered(500)]), "1 answered 500"),
        (evidence(orders=[answered(400)]), "1 answered 400"),
        (evidence(orders=[answered(503)]), "1 answered 503"),
        (replace(evidence(), log="database is locked"), "1 `database is locked`"),
        (replace(evidence(), log="INFO ***@example.org\nINFO ann@example.org"), "1 lines of the log with an address"),
        (twice(possible_duplicate=True, on_ambiguous="resend"), "1 sent twice where nothing could be in doubt"),
        (evidence(attempts=[replace(ATTEMPT, outcome="unknown")]), "1 unknown though it was answered"),
        (evidence(emails=[replace(EMAIL, status="quarantined")]), "1 in quarantine instead of 0"),
    ],
)  # fmt: skip
def test_each_broken_promise_is_said(seen, says):
    assert any(sentence.startswith(says) for sentence in broken(seen, SURE))


def test_what_a_fault_may_do_is_no_breach():
    seen = twice(possible_duplicate=True, on_ambiguous="resend")
    assert broken(seen, Promise()) == []
    assert broken(evidence(orders=[answered(503, 409, 0)]), Promise(refusals=True)) == []


def test_an_answer_that_came_after_the_next_attempt_had_begun_was_in_doubt():
    slow = replace(ATTEMPT, latency_ms=9000)
    seen = evidence(
        emails=[replace(EMAIL, possible_duplicate=True, on_ambiguous="resend")],
        attempts=[slow, LATER],
        ledger=[ENTRY, AGAIN],
    )  # fmt: skip
    assert broken(seen, Promise()) == []


def test_an_order_without_a_key_need_not_be_taken():
    lost = replace(ORDER, key="", exchanges=[replace(TAKEN, status=0, ids=(), said=())])
    assert broken(evidence(orders=[lost]), SURE) == []


def test_a_trial_that_saw_too_little_says_so():
    wanted = Trial(name="large", says="large", play=print, letters=100, kills=10)
    assert too_small(wanted, evidence()) == ["only 0 kills of 10", "only 1 emails of 100"]
    assert too_small(replace(wanted, letters=1, kills=0), evidence()) == []


def test_a_defect_that_no_check_sees_fails_the_run(capsys):
    unseen = exam.Verdict(trial=seeds.DEFECTS[0].seeded())
    assert not exam.caught([unseen])
    assert exam.caught([replace(unseen, broken=["1 lost: e1"])])
    assert not exam.caught([replace(unseen, broken=[f"{exam.UNPLAYED}: it broke off"])])
    assert "NOT SEEN  no-renewal" in capsys.readouterr().out


def test_every_defect_can_be_seeded():
    assert {defect.name for defect in seeds.DEFECTS} <= set(defective.KNOWN)


def test_the_course_of_an_order_that_was_never_taken_is_told(capsys):
    refused = replace(ORDER, exchanges=[replace(TAKEN, status=409, code="in_progress", ids=(), said=())])
    exam._tell(evidence(orders=[refused]), "1 never taken: order-1")
    told = capsys.readouterr().out
    assert "0.00 answered 409 in_progress after 1.00 s" in told
    assert SUBJECT in told
