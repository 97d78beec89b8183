"""Each compiled statement of GoMail does what plain ORM code does, whatever Django's version."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import models, transaction
from django.utils import timezone

import delivery
from delivery.db import inserts
from delivery.db.compiled import Count, Select, SelectColumns, Update, UpdateReturning
from delivery.db.inserts import Insert
from delivery.models import (
    Attachment,
    Attempt,
    Email,
    Recipient,
    Team,
    WebhookCall,
    WebhookEndpoint,
    WebhookMessage,
)
from delivery.models.email import EmailQuerySet
from delivery.queue import claims
from tests.delivery.factories import ANN, queued, under_way
from tests.delivery.reads import READS

pytestmark = pytest.mark.django_db
AWKWARD = "100 % of 'it'; \"so\" %s ☃"
MOMENT = timedelta(seconds=5)  # SQLite has a new Now() for each statement
Snapshot = list[dict[str, Any]]
Statement = Update | Select[Any] | SelectColumns | Count | UpdateReturning[Any] | Insert


@cache
def statements() -> Mapping[str, Statement]:
    """Return every compiled statement of delivery by its dotted name."""
    modules = [
        importlib.import_module(found.name) for found in pkgutil.walk_packages(delivery.__path__, "delivery.")
    ]
    return {
        f"{module.__name__.removeprefix('delivery.')}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Update | Select | SelectColumns | Count | UpdateReturning | Insert)
    }


# The values that each UPDATE is run with, for one attempt that is under way.
def moved(last: Attempt) -> dict[str, Any]:
    return {
        "pk": last.email_id,
        "epoch": last.epoch,
        "left_out": {"ses": AWKWARD},
        "status": "sent",
        "provider": "ses",
        "reason": AWKWARD,
        "due_at": None,
        "lease_until": None,
        "finished_at": timezone.now(),
    }


UPDATES: dict[str, Callable[[Attempt], dict[str, Any]]] = {
    "sending.attempts._HELD": lambda last: {"pk": last.email_id, "epoch": last.epoch},
    "sending.attempts._ANSWERED": lambda last: {
        "pk": last.pk,
        "outcome": "accepted",
        "provider_message_id": "m-1",
        "error": "",
        "code": AWKWARD,
        "detail": AWKWARD,
        "latency_ms": 7,
    },
    "sending.transitions._MOVED": moved,
    "sending.transitions._MOVED_BARE": moved,
    "events.settling._STOOD": lambda last: {
        "pk": last.email.recipients.get().pk,
        "status": "bounced",
        "reason": AWKWARD,
    },
    "sending.transitions._DECIDED": lambda last: {"email": last.email_id, "status": "accepted"},
}
CLAIMS: dict[str, Callable[[EmailQuerySet], EmailQuerySet]] = {
    "queue.claims._INNOCENT": EmailQuerySet.innocent,
    "queue.claims._SUSPECTS": EmailQuerySet.suspected,
}
SELECTS: dict[str, type[models.Model]] = {
    "bundles._RECIPIENTS_OF": Recipient,
    "bundles._ATTACHMENTS_OF": Attachment,
}
ELSEWHERE = {
    "suppressions.screening._OF",  # in tests/delivery/suppressions/test_screening.py
    "events.record._written",  # in tests/delivery/events/test_record.py
    "events.tokens._written",  # there, too
    "webhooks.claims._claimed",  # in tests/delivery/webhooks/test_claims.py
    "sending.fresh_claims._FRESH",  # in tests/delivery/workers/test_bulk.py
    "monitoring.gauges._LONGEST_DUE",  # in tests/delivery/monitoring/test_metrics.py
    "monitoring.gauges._LONGEST_UNKNOWN",  # there, too
    "mailings.slices._QUEUED",  # in tests/delivery/mailings/test_sending.py
    *READS,
}
INSERTS = {
    "bundles._EMAILS",
    "bundles._RECIPIENTS",
    "sending.attempts._WRITTEN",
    "webhooks.calls._written",
    "webhooks.outbox._written",
}


def test_no_statement_is_forgotten() -> None:
    assert set(statements()) == {*UPDATES, *CLAIMS, *SELECTS, *INSERTS, *ELSEWHERE}


def everything() -> Snapshot:
    """Return all rows that a statement could have changed."""
    models = (Email, Recipient, Attempt, WebhookMessage, WebhookCall)
    return [row for model in models for row in model.objects.order_by("pk").values()]


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_alike(compiled_rows: Snapshot, plain_rows: Snapshot) -> None:
    for ours, plain in zip(compiled_rows, plain_rows, strict=True):
        for name, value in ours.items():
            if isinstance(value, datetime) and name == "lease_until":
                assert abs(value - plain[name]) < MOMENT
            else:
                assert value == plain[name], name


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_changes_what_the_orm_changes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statement: Any = statements()[name]
    attempt, other = under_way(), under_way()
    values, before = UPDATES[name](attempt), everything()
    with undone():
        assert statement.run(**values) == 1
        ours = everything()
    monkeypatch.setattr(importlib.import_module(statement._make.__module__), "Parameter", values.__getitem__)
    with undone():
        rows, changes = statement._make()
        assert rows.update(**changes) == 1
        plain = everything()

    assert_alike(ours, plain)
    assert ours != before
    other.refresh_from_db()
    assert (other.outcome, other.email.status) == ("started", "sending")


@pytest.mark.parametrize("name", UPDATES)
def test_many_are_updated_by_one_statement_as_one_by_one(name: str) -> None:
    statement: Any = statements()[name]
    rows, _ = [UPDATES[name](under_way()) for _ in range(3)], under_way()
    before = everything()
    with undone():
        assert statement.run_together(rows) == 3
        together = everything()
    with undone():
        assert statement.run_all(rows) == 3
        one_by_one = everything()

    assert_alike(together, one_by_one)
    assert together != before


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_returns_the_rows_that_the_orm_has_changed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = 2 if CLAIMS[name] is EmailQuerySet.suspected else 0
    free = [queued(crashes=crashes), queued(crashes=crashes, status="unknown")]
    taken, innocent_or_not = under_way().email, queued(crashes=2 - crashes)
    pks, worker = [email.pk for email in (*free, taken, innocent_or_not)], uuid4()
    with undone():
        statement: Any = statements()[name]
        returned = {email.pk: email for email in statement.run(pks, worker=worker)}
        ours = everything()
        assert {pk: columns(email) for pk, email in returned.items()} == {
            email.pk: columns(email) for email in Email.objects.filter(pk__in=returned)
        }
    monkeypatch.setattr(claims, "Parameter", {"worker": worker}.__getitem__)
    with undone():
        due = CLAIMS[name](Email.objects.due()).order_by().filter(pk__in=pks)
        Email.objects.filter(pk__in=list(due.values_list("pk", flat=True))).update(**claims._changes())
        plain = everything()

    assert_alike(ours, plain)
    assert set(returned) == {email.pk for email in free}


def columns(row: models.Model) -> list[Any]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("name", SELECTS)
def test_a_select_reads_what_the_orm_reads(name: str, number: int) -> None:
    emails = [queued() for _ in range(number + 1)]
    for email in emails:
        Attachment.objects.create(
            email=email, filename=AWKWARD, content_type="text/plain", size=3, sha256="a" * 64
        )
    pks: Sequence[UUID] = [email.pk for email in emails[:number]]
    statement: Any = statements()[name]
    plain = SELECTS[name]._default_manager.filter(email__pk__in=pks)

    assert sorted(columns(row) for row in statement.run(pks)) == sorted(columns(row) for row in plain)
    assert plain.count() == number


@pytest.mark.parametrize("number", [1, 2, inserts._FEW + 1])
@pytest.mark.parametrize("name", sorted(INSERTS))
def test_an_insert_writes_what_the_orm_writes(name: str, number: int) -> None:
    statement: Any = statements()[name]
    rows = made(statement._model, number)
    with undone():
        statement.run(rows)
        ours = everything()
    for row in rows:
        row._state.adding = True
    with undone():
        statement._model._default_manager.bulk_create(rows)
        plain = everything()

    assert [without_key(row) for row in ours] == [without_key(row) for row in plain]


def without_key(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out a key that the database counts up."""
    return row if isinstance(row["id"], UUID) else {**row, "id": None}


def made(model: type[models.Model], number: int) -> list[Any]:
    """Return rows that are not saved."""
    team = Team.objects.create(name="shop")
    if model is Email:
        return [
            Email(team=team, from_address=ANN.address, subject=AWKWARD, tags=["a"], metadata={"k": AWKWARD})
            for _ in range(number)
        ]
    if model in {WebhookMessage, WebhookCall}:
        to, now = WebhookEndpoint.objects.create(url="https://hooks.example.org/"), timezone.now()
        said = {"reason": AWKWARD}
        if model is WebhookCall:
            told = WebhookMessage.objects.create(endpoint=to, kind="email.sent", at=now)
            return [
                WebhookCall(endpoint=to, message=told, status=500, answer=AWKWARD, ms=7)
                for _ in range(number)
            ]
        return [
            WebhookMessage(endpoint=to, kind="email.sent", data=said, at=now, due_at=now)
            for _ in range(number)
        ]
    email = queued()
    if model is Attempt:
        return [Attempt(email=email, provider="ses", epoch=1, detail=AWKWARD) for _ in range(number)]
    addresses = [f"u{place}@example.org" for place in range(number)]
    return [Recipient(email=email, kind="cc", address=one, canonical=one, name=AWKWARD) for one in addresses]
