"""A value that is not prepared is one that Django would not change."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Value
from django.db.models.functions import Upper

from delivery.db import values
from delivery.db.values import Once
from delivery.models import Email
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db
AWKWARD = "100 % of 'it'; \"so\" %s ☃"
FIELDS = [
    field for model in apps.get_app_config("delivery").get_models() for field in model._meta.concrete_fields
]
SUBJECT = Email._meta.get_field("subject")
GIVEN: dict[type, list[Any]] = {
    str: ["", AWKWARD, Email.Status.SENT],
    bool: [True, False],
    type(None): [None],
}


TOUCHED = models.DateTimeField(auto_now=True, null=True)
TOUCHED.set_attributes_from_name("at")


def opened() -> BaseDatabaseWrapper:
    return connections["default"]


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_what_a_field_need_not_prepare_it_leaves_alone(field: Any) -> None:
    for kind in values.prepare(field).unchanged:
        for value in GIVEN[kind]:
            assert field.get_db_prep_save(value, opened()) is value
            assert field.pre_save(SimpleNamespace(**{field.attname: value}), True) is value


def test_what_is_of_another_type_is_prepared() -> None:
    assert values.prepare(SUBJECT)(7, opened()) == "7"


def test_a_moment_that_its_field_sets_is_set() -> None:
    row: Any = SimpleNamespace(at=None)
    _, (moment,) = values.column(TOUCHED).of(row, opened())
    assert datetime.fromisoformat(str(moment))


def test_an_expression_is_compiled() -> None:
    for expression in (Upper(Value("x")), Once(Upper(Value("x")))):
        email = Email(subject=expression)
        assert values.column(SUBJECT).of(email, opened()) == ("UPPER(%s)", ("x",))


def test_to_django_it_is_the_expression_that_is_compiled_once() -> None:
    email = queued()
    Email.objects.filter(pk=email.pk).update(subject=Once(Upper(Value("x"))))
    email.refresh_from_db()
    assert email.subject == "X"
