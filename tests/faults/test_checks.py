"""The checker must be able to fail: evidence of each broken promise, and what is said of it."""

from dataclasses import replace

import pytest

from tests.faults.checks import Expected, broken
from tests.faults.clients import Answer
from tests.faults.evidence import Evidence
from tests.faults.record import Change, Record
from tests.faults.samples import ASKED, ATTEMPT, EMAIL, ENTRY, RECIPIENTS

ANSWER = Answer(status=200, id="e1", said="sent", policy="stop", started=100.0, ended=101.0)
OPEN = Change(provider="ses", state="open", at=90.0)
QUIET = Expected(opens=None)


def evidence(**changes):
    record = Record(emails={"e1": EMAIL}, attempts=[ATTEMPT], changes=[], recipients=RECIPIENTS)
    found = Evidence(answers=[ANSWER], ledger=[ENTRY], record=record, log="", asked=ASKED)
    return replace(found, **changes)


def recorded(*, changes=(), attempts=(ATTEMPT,), **email):
    emails = {"e1": replace(EMAIL, **email)}
    rows = {"emails": emails, "attempts": list(attempts), "changes": list(changes)}
    return evidence(record=Record(**rows, recipients=RECIPIENTS))


def attempts(*moments):
    """Attempts of one email at these moments: the first at 100.0, where its way was chosen."""
    return [
        replace(ATTEMPT, id=f"a{number}", started_at=at) for number, at in enumerate((100.0, *moments), 1)
    ]


def changes(*states):
    """Changes of the circuit of ses, (state, moment) each."""
    return [Change(provider="ses", state=state, at=at) for state, at in states]


def test_a_good_run_breaks_nothing():
    assert broken(evidence(), QUIET) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (evidence(ledger=[]), "1 lost"),
        (evidence(ledger=[replace(ENTRY, accepted=False)]), "1 lost"),
        (evidence(ledger=[]), "1 `sent`, but with no vendor"),
        (evidence(ledger=[ENTRY, ENTRY]), "1 sent twice without saying so"),
        (evidence(ledger=[ENTRY, ENTRY]), "1 offered again against `stop`"),
        (evidence(ledger=[replace(ENTRY, attempt="a9")]), "1 called without an attempt's row"),
        (evidence(answers=[replace(ANSWER, status=500)]), "1 not answered 2xx: 500"),
        (evidence(answers=[replace(ANSWER, status=0)]), "1 not answered 2xx: 0"),
        (evidence(log="database is locked"), "1 `database is locked`"),
        (evidence(unsent=3), "3 not sent by the clients"),
        (recorded(status="queued", due_at=200.0), "1 not settled by the worker"),
        (recorded(status="sending"), "1 not settled by the worker"),
        (recorded(changes=[OPEN]), "1 tries of an open circuit that nobody allowed: 10.00 s"),
        (
            recorded(changes=changes(("open", 90.0), ("probing", 91.0), ("probing", 92.0), ("open", 93.0))),
            "1 open periods with more than one probe",
        ),
        (
            recorded(changes=changes(("open", 93.0), ("probing", 98.0)), attempts=attempts(102.0, 103.0)),
            "1 open periods with more than one probe",
        ),
    ],
)  # fmt: skip
def test_each_broken_promise_is_said(seen, says):
    assert any(sentence.startswith(says) for sentence in broken(seen, QUIET))


def test_an_email_sent_twice_may_say_so_where_that_was_to_be_expected():
    twice = replace(recorded(possible_duplicate=True, on_ambiguous="resend"), ledger=[ENTRY, ENTRY])
    assert broken(twice, Expected(opens=None, duplicates=True)) == []
    assert broken(twice, QUIET) == ["1 sent twice although nothing was in doubt: e1"]


@pytest.mark.parametrize("status", ["failed", "expired", "unknown"])
def test_an_email_that_the_record_owns_up_to_is_not_lost(status):
    seen = broken(replace(recorded(status=status), ledger=[]), QUIET)
    assert not any("lost" in sentence for sentence in seen)


def test_an_attempt_whose_way_was_chosen_before_all_processes_could_know_is_late_and_no_probe():
    seen = recorded(changes=changes(("open", 97.5)))
    (tried,) = seen.tried
    assert (tried.late, tried.probes, broken(seen, QUIET)) == ([2.5], 0, [])


def test_an_attempt_whose_way_was_chosen_when_all_processes_knew_is_a_try():
    (tried,) = recorded(changes=changes(("open", 93.0))).tried
    assert (tried.late, tried.unannounced) == ([], [7.0])


def test_one_probe_in_a_period_is_allowed_and_nobody_is_late_in_a_circuit_that_opens_again():
    states = changes(("open", 100.5), ("probing", 101.0), ("open", 103.0))
    assert broken(recorded(changes=states, attempts=attempts(102.0)), QUIET) == []
    assert broken(recorded(changes=states, attempts=attempts(102.0, 103.5)), QUIET) != []


def test_a_lost_probe_may_be_replaced():
    states = changes(("open", 10.0), ("probing", 11.0), ("probing", 72.0), ("closed", 73.0))
    assert broken(recorded(changes=states), QUIET) == []


@pytest.mark.parametrize(
    ("states", "expected", "says"),
    [
        ((), Expected(), "the circuit did not open"),
        ((("open", 101.0),), Expected(opens=False), "the circuit opened"),
        ((("open", 101.0),), Expected(probed=True), "the open circuit was never probed"),
        ((("open", 101.0),), Expected(closes=True), "the circuit did not close"),
    ],
)
def test_a_circuit_that_is_not_as_expected_is_said(states, expected, says):
    assert broken(recorded(changes=changes(*states)), expected) == [says]
