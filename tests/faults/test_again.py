"""What broke in company: when it is played again, and what counts then."""

from dataclasses import dataclass, replace

import pytest

from tests.faults import again
from tests.faults.clients import Answer
from tests.faults.evidence import Evidence
from tests.faults.record import Record
from tests.faults.samples import ASKED, ATTEMPT, EMAIL, ENTRY, RECIPIENTS

ANSWER = Answer(status=200, id="e1", said="sent", policy="stop", started=100.0, ended=101.0)


@dataclass(frozen=True)
class Played:
    name: str
    broken: str = ""
    lost: bool = False


def once_more(*played, then=""):
    calls = []

    def play(one):
        calls.append(one.name)
        return Played(one.name, then)

    counting = again.once_more(
        played, play, broke=lambda one: one.broken, grave=lambda one: one.lost, said=lambda one: one.broken
    )
    return calls, [one.broken for one in counting]


def test_what_is_kept_is_not_played_again():
    assert once_more(Played("a"), Played("b")) == ([], ["", ""])


def test_what_broke_counts_as_it_ends_alone(capsys):
    assert once_more(Played("a"), Played("b", "late")) == (["b"], ["", ""])
    assert "UNSTEADY, kept only alone: late" in capsys.readouterr().out


def test_what_breaks_alone_too_is_broken(capsys):
    assert once_more(Played("a", "late"), then="late again") == (["a"], ["late again"])
    assert "UNSTEADY" not in capsys.readouterr().out


def test_a_lost_email_is_never_played_again():
    assert once_more(Played("a", "late"), Played("b", "1 lost", lost=True)) == ([], ["late", "1 lost"])


def test_many_are_no_accident():
    assert once_more(*[Played("a", "late")] * 3) == ([], ["late"] * 3)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({}, False), ({"ledger": []}, True), ({"ledger": [ENTRY, ENTRY]}, True), ({"unsent": 1}, False)],
)
def test_only_what_no_slow_machine_explains_is_grave(changed, expected):
    record = Record(emails={"e1": EMAIL}, attempts=[ATTEMPT], changes=[], recipients=RECIPIENTS)
    evidence = Evidence(answers=[ANSWER], ledger=[ENTRY], record=record, log="", asked=ASKED)
    assert again.grave(replace(evidence, **changed)) is expected
