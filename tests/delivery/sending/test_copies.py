"""Of an email that was sent again, a recipient shows the best of the copies, whenever which of them is heard of."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from delivery.events import matching, record, rows
from delivery.events.matching import Told
from delivery.models import Attempt, Email, ProviderEvent, Recipient
from delivery.sending import outcomes, transitions
from providers.events import Bounce
from providers.message import Receipt
from tests.delivery.events.told import event, first, tell
from tests.delivery.factories import under_way

pytestmark = pytest.mark.django_db


@pytest.fixture
def copies() -> tuple[Attempt, Attempt]:
    """Return an attempt in doubt, and the one that is under way since, at a provider without events."""
    one = under_way(outcome="unknown", possible_duplicate=True)
    return one, Attempt.objects.create(email=one.email, provider="relay", epoch=1)


def bounce(attempt: Attempt, **fields: Any) -> None:
    tell(attempt, "bounced", bounce=Bounce.HARD, reason="No such user", **fields)


def accept(attempt: Attempt, **refused: str) -> None:
    attempt.outcome = "accepted"
    receipt = Receipt(provider=attempt.provider, message_id="m", refused=refused)
    transitions.record(attempt.email, outcomes.sent(receipt), attempt)


def shown(attempt: Attempt) -> tuple[str, str]:
    recipient = first(attempt)
    return recipient.status, recipient.reason


@pytest.mark.parametrize("kind", ["bounced", "suppressed", "rejected"])
def test_a_copy_that_is_accepted_after_the_other_came_back_counts(
    copies: tuple[Attempt, Attempt], kind: str
) -> None:
    one, two = copies
    tell(one, kind, reason="No such user")
    assert shown(one) == (kind, "No such user")
    accept(two)
    assert shown(one) == ("accepted", "")
    assert Email.objects.get().status == "sent"


def test_so_does_one_whose_answer_is_late(copies: tuple[Attempt, Attempt]) -> None:
    late, two = copies
    bounce(two)
    Email.objects.update(status="sent", epoch=2)
    accept(late)
    assert shown(late) == ("accepted", "")


def test_so_does_one_that_an_event_proves_for_others(copies: tuple[Attempt, Attempt]) -> None:
    one, two = copies
    eve = Recipient.objects.create(email=one.email, kind="cc", address="eve@x.org", canonical="eve@x.org")
    bounce(one)
    tell(two, "delivered", recipient=eve.address)
    eve.refresh_from_db()
    assert (shown(one), eve.status) == (("accepted", ""), "delivered")


def test_who_is_bounced_by_both_is_bounced(copies: tuple[Attempt, Attempt]) -> None:
    one, two = copies
    bounce(one)
    bounce(two)
    accept(two)
    assert shown(one) == ("bounced", "No such user")


def test_who_is_refused_with_the_acceptance_stays_bounced(copies: tuple[Attempt, Attempt]) -> None:
    one, two = copies
    Recipient.objects.create(email=one.email, kind="cc", address="eve@x.org", canonical="eve@x.org")
    bounce(one)
    accept(two, **{first(one).address: "550"})
    assert shown(one)[0] == "bounced"


def test_who_was_left_out_stays_suppressed(copies: tuple[Attempt, Attempt]) -> None:
    one, two = copies
    eve = Recipient.objects.create(email=one.email, kind="cc", address="eve@x.org", canonical="eve@x.org")
    Recipient.objects.filter(pk=eve.pk).update(status="suppressed", reason="complaint")
    bounce(one)
    accept(two)
    eve.refresh_from_db()
    assert (shown(one)[0], eve.status, eve.reason) == ("accepted", "suppressed", "complaint")


def test_a_bounce_that_was_read_before_the_acceptance_and_applied_after_it_changes_nothing(
    copies: tuple[Attempt, Attempt],
) -> None:
    one, two = copies
    told = event(one, "bounced", bounce=Bounce.HARD)
    each = Told(row=rows.of("ses", told), event=told)
    known = matching.attempts([each])
    accept(two)
    each.row.save()
    record.follow([each], known)
    assert shown(one) == ("accepted", "")


def test_an_email_that_is_sent_once_pays_nothing_for_this() -> None:
    attempt = under_way()
    with CaptureQueriesContext(connection) as queries:
        accept(attempt)
    asked = [query["sql"] for query in queries]
    assert [sql for sql in asked if ProviderEvent._meta.db_table in sql] == []
    tables = [sql for sql in asked if Recipient._meta.db_table in sql]
    assert [sql.split()[0] for sql in tables] == ["UPDATE"]
