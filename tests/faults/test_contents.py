"""The comparison with what was asked must be able to fail: evidence of each breach, and what is said of it."""

from dataclasses import replace

import pytest

from tests.faults import contents
from tests.faults.customers import Exchange, Order
from tests.faults.evidence import Evidence
from tests.faults.record import Record
from tests.faults.samples import ASKED, ATTEMPT, EMAIL, ENTRY, LETTER, MAIL, RECIPIENTS

TAKEN = Exchange(status=202, ids=("e1",), said=("queued",), started=99.0, ended=99.5)
GONE = Exchange(status=200, ids=("e1",), said=("cancelled",), started=100.1, ended=100.2)
UNSENT = {"provider": "", "finished_at": 100.2, "expires_at": 200.0}


def evidence(*, ledger=(ENTRY,), recipients=RECIPIENTS, withdrawals=(), **email):
    order = Order(key="k", kind="async", policy="stop", letters=(LETTER,), exchanges=[TAKEN])
    order.withdrawals.extend(withdrawals)
    record = Record(
        emails={"e1": replace(EMAIL, **email)}, attempts=[ATTEMPT], changes=[], recipients=list(recipients)
    )
    return Evidence(answers=[], ledger=list(ledger), record=record, log="", orders=[order], asked=ASKED)


def ended(status, *, ledger=(), **more):
    """An email that nobody got, by the record."""
    recipients = [replace(one, status=status) for one in RECIPIENTS]
    return evidence(ledger=ledger, recipients=recipients, status=status, **(UNSENT | more))


def entry(**changes):
    return replace(ENTRY, **changes)


REFUSED = entry(mode="refusing", accepted=False, at=100.1)


@pytest.mark.parametrize(
    "seen",
    [
        evidence(),
        ended("cancelled", withdrawals=[GONE]),
        ended("cancelled", withdrawals=[GONE], ledger=[entry(mode="unavailable", accepted=False, at=100.0)]),
        ended("expired", expires_at=100.2),
        ended("failed", ledger=[REFUSED]),
    ],
)
def test_a_good_end_breaks_nothing(seen):
    assert list(contents.broken(seen)) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (evidence(ledger=[entry(mail=replace(MAIL, bcc=()))]), "1 calls with what nobody asked for: e1 at ses in bcc"),
        (evidence(ledger=[entry(accepted=False, mail=replace(MAIL, text="x", files=(("a", "b"),)))]),
         "1 calls with what nobody asked for: e1 at ses in text, files"),
        (evidence(ledger=[ENTRY, entry(email="e9")]), "1 calls with what nobody asked for: e9 at ses in everything"),
        (evidence(recipients=RECIPIENTS[:1]), "1 with other recipients in the record: e1"),
        (evidence(subject="Another"), "1 with another subject in the record: e1"),
        (evidence(provider="sendgrid"), "1 with a provider that does not have it: e1"),
        (evidence(recipients=[RECIPIENTS[0], replace(RECIPIENTS[1], status="failed")]),
         "1 with a recipient of another state: e1"),
        (ended("failed", ledger=[entry(mode="refusing")]), "1 given up, but a vendor has it: e1"),
        (ended("expired", expires_at=100.0, ledger=[ENTRY]), "1 given up, but a vendor has it: e1"),
        (ended("expired", expires_at=100.0, ledger=[entry(accepted=False)]), "1 offered after their end: e1"),
        (ended("cancelled", withdrawals=[GONE], ledger=[entry(accepted=False, at=100.21)]),
         "1 offered after they had been cancelled: e1"),
        (evidence(withdrawals=[GONE], ledger=[]), "1 offered after they had been cancelled: e1"),
        (ended("cancelled"), "1 given up without a cause: e1"),
        (ended("expired"), "1 given up without a cause: e1"),
        (ended("failed"), "1 given up without a cause: e1"),
    ],
)  # fmt: skip
def test_each_breach_is_said(seen, says):
    assert says in list(contents.broken(seen))
