"""Statements made once do what the ORM would do, on every database, and each value arrives as its field keeps it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery import bundles
from delivery.db import inserts
from delivery.db.compiled import Change, Parameter, Parameters, Select, Update, UpdateReturning
from delivery.db.inserts import Insert
from delivery.db.readers import Instances
from delivery.models import Attempt, Email, Recipient, Team
from tests.delivery.factories import draft, queued

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
AWKWARD = {"reason": "100 % of 'it'; \"so\" %s ☃", "left_out": {"ses": "a 'reason' of 50 %"}, "due_at": AT}


def columns(row: Email) -> list[Any]:
    return [getattr(row, field.attname) for field in Email._meta.concrete_fields]


def changing() -> Change:
    rows = Email.objects.filter(pk=Parameter("pk"), epoch=Parameter("epoch"))
    return rows, {name: Parameter(name) for name in AWKWARD} | {"rounds": F("rounds") + 1}


def test_an_update_puts_every_value_into_the_form_of_its_field() -> None:
    email, other = queued(epoch=3), queued(epoch=3)

    assert Update(changing).run(pk=email.pk, epoch=3, **AWKWARD) == 1
    email.refresh_from_db()
    assert {name: getattr(email, name) for name in AWKWARD} == AWKWARD
    assert email.rounds == 2
    other.refresh_from_db()
    assert (other.reason, other.rounds) == ("", 1)


def test_an_update_takes_nulls() -> None:
    email = queued(epoch=3)
    Update(changing).run(pk=email.pk, epoch=3, reason="", left_out={}, due_at=None)
    email.refresh_from_db()
    assert email.due_at is None


def test_an_update_touches_only_rows_that_its_condition_holds_for() -> None:
    email = queued(epoch=3)
    assert Update(changing).run(pk=email.pk, epoch=4, **AWKWARD) == 0
    email.refresh_from_db()
    assert email.reason == ""


@pytest.mark.parametrize("number", [1, 2, 5])
def test_an_update_of_many_counts_them_together(number: int) -> None:
    emails = [queued(epoch=epoch) for epoch in range(number)]
    values: list[dict[str, Any]] = [
        {**AWKWARD, "pk": email.pk, "epoch": email.epoch, "reason": f"reason {email.epoch}"}
        for email in emails
    ]
    assert Update(changing).run_all([*values, {**values[0], "epoch": 99}]) == number
    found = Email.objects.order_by("epoch").values_list("reason", flat=True)
    assert list(found) == [f"reason {epoch}" for epoch in range(number)]


def test_a_value_that_is_missing_is_an_error_and_changes_nothing() -> None:
    email = queued(epoch=3)
    with pytest.raises(KeyError):
        Update(changing).run(pk=email.pk, epoch=3)


def test_the_sql_is_made_once() -> None:
    made: list[int] = []

    def make() -> Change:
        made.append(1)
        return changing()

    update = Update(make)
    for _ in range(3):
        update.run(pk=queued().pk, epoch=1, **AWKWARD)
    assert made == [1]


def test_inserted_rows_are_those_that_the_orm_would_have_written() -> None:
    team = Team.objects.create(name="shop")
    bundle = bundles.waiting(draft(subject="50 % off ☃", tags=("a", "b"), metadata={"k": "'v'"}), team)
    email = bundle.email
    Insert(Email).run([email])
    Insert(Recipient).run(bundle.recipients)

    found = Email.objects.get()
    assert columns(found) == columns(email)
    assert [row.address for row in found.recipients.all()] == [row.address for row in bundle.recipients]
    assert (email._state.adding, email._state.db) == (False, "default")


def test_an_inserted_value_may_be_an_expression_of_the_database() -> None:
    bundle = bundles.waiting(draft(), None)
    bundle.email.lease_until = Now() + timedelta(hours=1)
    Insert(Email).run([bundle.email])

    found = Email.objects.get()
    assert found.lease_until
    assert abs(found.lease_until - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)


def test_many_rows_are_inserted_by_one_statement_and_none_by_none() -> None:
    email = queued()
    rows = [Attempt(email=email, provider=f"p{number}", epoch=1) for number in range(7)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        Insert(Attempt).run(rows)
        Insert(Attempt).run([])
    assert len(queries) == 1
    assert set(Attempt.objects.values_list("pk", flat=True)) == {row.pk for row in rows}


@pytest.mark.parametrize("number", [inserts._FEW, inserts._FEW + 1, 250])
def test_many_inserted_rows_are_those_that_the_orm_would_have_written(number: int) -> None:
    team = Team.objects.create(name="shop")
    emails = [
        bundles.waiting(draft(subject=f"\\N\t{place}\n☃", metadata={"k": "\\.\t'v'"}), team).email
        for place in range(number)
    ]
    Insert(Email).run(emails)

    found = {email.pk: columns(email) for email in Email.objects.all()}
    assert found == {email.pk: columns(email) for email in emails}
    assert {(email._state.adding, email._state.db) for email in emails} == {(False, "default")}


@pytest.mark.parametrize("number", [3, 100])
def test_of_many_rows_none_is_inserted_when_one_cannot_be(number: int) -> None:
    email = queued()
    rows = [Attempt(email=email, provider="ses", epoch=1) for _ in range(number)]
    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(Attempt).run([*rows, rows[0]])
    assert not Attempt.objects.exists()


def test_selected_rows_are_those_that_the_orm_would_have_read() -> None:
    emails = [queued(metadata={"n": number}, finished_at=AT) for number in range(3)]
    queued()
    by_key = Select[Email]("pk", lambda pks: Email.objects.filter(pk__in=pks).order_by("id"))
    pks = [email.pk for email in emails]

    found = by_key.run(pks)
    assert [columns(row) for row in found] == [columns(row) for row in emails]
    assert [row.pk for row in by_key.run(pks[:1])] == pks[:1]
    found[0].refresh_from_db()
    assert not found[0]._state.adding


def test_rows_that_are_changed_come_back_as_they_are_afterwards() -> None:
    def make(pks: Parameters) -> Change:
        return Email.objects.filter(pk__in=pks, status="queued"), {
            "epoch": F("epoch") + 1,
            "reason": Parameter("reason"),
        }

    mine, other = queued(), queued(status="sent")
    found = UpdateReturning[Email]("pk", make).run([mine.pk, other.pk], reason="50 % %s")

    assert [(row.pk, row.epoch, row.reason) for row in found] == [(mine.pk, 2, "50 % %s")]
    mine.refresh_from_db()
    assert columns(found[0]) == columns(mine)


@pytest.mark.parametrize("model", [Email, Recipient])
def test_every_value_of_a_row_that_is_copied_is_there_before_it_is_saved(model: Any) -> None:
    for field in model._meta.concrete_fields:
        assert type(field).pre_save is models.Field.pre_save or not getattr(field, "auto_now", False)
        assert not field.has_db_default() or field.has_default()


def test_no_column_is_forgotten_when_a_model_gets_one() -> None:
    assert len(Insert(Email)._fields) == len(Email._meta.concrete_fields)
    assert {"id"} == {f.name for f in Recipient._meta.concrete_fields} - {
        f.name for f in Insert(Recipient)._fields
    }
    whole = Instances(Email.objects.order_by())
    assert [column.target for column in whole.select] == list(Email._meta.concrete_fields)
