"""Values on their way into the database: most are what their columns take, and need not be prepared.

Asking the field of each took a tenth of the time of a send. A field of exactly one of these classes changes no value of
such a type, on SQLite and on PostgreSQL; tests/delivery/db/test_values.py asks Django whether that is so.
"""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final, NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql import InsertQuery

READY: Final[Mapping[type[Any], tuple[type, ...]]] = {
    models.CharField: (str,),
    models.TextField: (str,),
    models.BooleanField: (bool,),
}


class Prepare(NamedTuple):
    """How the values of a field are turned into the database's form."""

    unchanged: tuple[type, ...]  # types of values that stay as they are
    otherwise: Callable[[Any, BaseDatabaseWrapper], Any]

    def __call__(self, value: Any, opened: BaseDatabaseWrapper) -> Any:
        """Return the value in the database's form."""
        return value if isinstance(value, self.unchanged) else self.otherwise(value, opened)


class Once:
    """An expression that names no column: its SQL is the same for each row, and compiled once."""

    def __init__(self, expression: Any) -> None:
        """Take the expression."""
        self._expression = expression
        self._compiled: dict[str, tuple[str, Any]] = {}  # by vendor

    def resolve_expression(self, *arguments: Any, **options: Any) -> Any:
        """Be the expression itself to Django."""
        return self._expression.resolve_expression(*arguments, **options)

    def sql(self, model: type[models.Model], opened: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Return the SQL and the parameters."""
        known = self._compiled.get(opened.vendor)
        if known is None:
            known = self._compiled[opened.vendor] = _compiled(self._expression, model, opened)
        return known


class Column(NamedTuple):
    """A column of an INSERT."""

    field: Any
    name: str  # of the attribute
    unchanged: tuple[type, ...]

    def of(self, row: models.Model, opened: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Return the SQL and the parameters of a row's value, which may be an expression."""
        value = getattr(row, self.name)
        return ("%s", (value,)) if isinstance(value, self.unchanged) else self._prepared(row, opened)

    def _prepared(self, row: models.Model, opened: BaseDatabaseWrapper) -> tuple[str, Any]:
        value = self.field.pre_save(row, add=True)
        if isinstance(value, Once):
            return value.sql(type(row), opened)
        if hasattr(value, "resolve_expression"):
            return _compiled(value, type(row), opened)
        return "%s", (self.field.get_db_prep_save(value, opened),)


def prepare(field: Any) -> Prepare:
    """Return how a field's values are prepared."""
    return Prepare(_unchanged(field), field.get_db_prep_save)


def column(field: Any) -> Column:
    """Return the column of a field."""
    sets_itself = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return Column(field, field.attname, () if sets_itself else _unchanged(field))


def _unchanged(field: Any) -> tuple[type, ...]:
    return (NoneType, *READY.get(type(field), ()))


def _compiled(expression: Any, model: type[models.Model], opened: BaseDatabaseWrapper) -> tuple[str, Any]:
    query = InsertQuery(model)
    sql, parameters = query.get_compiler(connection=opened).compile(
        expression.resolve_expression(query, for_save=True)
    )
    return sql, tuple(parameters)
