"""The statements of the hot path, compiled by the ORM once and then run with new values.

The SQL of an UPDATE or a SELECT has a Parameter in place of each value; INSERTs are in inserts.py. Compiling the SQL
costs this process more than a round trip to the database; see docs/decisions/0019.

Private parts of Django that this, inserts, readers and values stand on (tests/delivery/db/test_private_parts.py names
each, and test_every_statement.py holds each statement against plain ORM code):

- `QuerySet.query`, `Query.chain(UpdateQuery)`, `UpdateQuery.add_update_values`, `Query.get_compiler`, and the
  compiler's `as_sql`, `compile`, `get_converters` and `apply_converters`; `InsertQuery` for a column's expression
- the compiler's `select`, `col_count` and `klass_info`, filled by `as_sql`, and `get_related_populators`
- `Field.pre_save`, `get_db_prep_save` and `attname`; `Model.from_db`, `_meta`, `_state`, `_default_manager`
- `Expression.as_sql` and `resolve_expression`; `connection.wrap_database_errors` and `ops.quote_name`
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from django.db.models.sql import UpdateQuery

from delivery.db import joined
from delivery.db import values as prepared
from delivery.db.joined import Joined
from delivery.db.readers import Columns, Instances, Values
from delivery.db.slots import Slot, Sql

Row = TypeVar("Row", bound=models.Model)
Found = TypeVar("Found")  # what a row is read as
_EXACT = 8  # values: a statement for each number up to here
Parameters = Sequence[Any]  # one Parameter for each of several values
Change = tuple[
    models.QuerySet[Any], Mapping[str, Any]
]  # the rows to update, and the new values of their columns


class Parameter(Expression):
    """A placeholder for a value of this field; the value is given when the statement is run."""

    def __init__(self, name: str, number: int | None = None) -> None:
        """Take the field's name, or `pk`. With a number: this item of a sequence of values."""
        super().__init__()
        self.name, self.number = name, number

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Return the placeholder, with itself as its parameter."""
        return "%s", (self,)  # a tuple, as Django 6.0 asks of every expression


class Update:
    """An UPDATE of rows of one table."""

    def __init__(self, make: Callable[[], Change]) -> None:
        """Take a function that returns the rows and the changes; it is called once, at the first run."""
        self._make = make

    def run(self, **values: Any) -> int:
        """Run the statement and return the number of updated rows."""
        opened = opened_here()
        with opened.cursor() as cursor:
            cursor.execute(self._sql.text, self._sql.filled(values, opened))
            return int(cursor.rowcount)

    def run_all(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it once for each mapping of values; return the total number of updated rows."""
        if len(rows) == 1:
            return self.run(**rows[0])
        opened = opened_here()
        with opened.cursor() as cursor:
            cursor.executemany(self._sql.text, [self._sql.filled(values, opened) for values in rows])
            return int(cursor.rowcount)

    def run_together(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Do the same as run_all by one statement, where that costs less; it locks the rows in any order.

        So somebody holds them already, or their email.
        """
        if len(rows) == 1 or connection.vendor != "postgresql":
            return self.run_all(rows)
        opened = opened_here()
        with opened.cursor() as cursor:
            cursor.execute(self._joined.text, self._joined.filled(rows, opened))
            return int(cursor.rowcount)

    @cached_property
    def _sql(self) -> Sql:
        return _update(*self._make())

    @cached_property
    def _joined(self) -> Joined:
        return joined.made(self._make()[0].model, self._sql)


_Compiled = tuple[Sql, Callable[[Iterable[Values]], list[Found]]]  # a statement, and how its rows are read


def _rounded_up(several: Sequence[Any]) -> Sequence[Any]:
    """Return the values, the last of them repeated up to a round number: few numbers are ever compiled for.

    To name a row twice does not change which rows are meant.
    """
    if len(several) <= _EXACT:
        return several
    step: int = 1 << max(0, (len(several) - 1).bit_length() - 2)  # 10, 12, 14, 16, 20, 24, …
    return [*several, *[several[-1]] * (-len(several) % step)]


class _Query(Generic[Found]):
    """A statement that returns rows which any of several values of one field names; compiled once for each number."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._compiled: dict[int, _Compiled[Found]] = {}

    def run(self, several: Sequence[Any] = (), **values: Any) -> list[Found]:
        """Return the rows."""
        several = _rounded_up(several)
        sql, read = self._compiled.get(len(several)) or self._compile_for(len(several))
        opened = opened_here()
        with opened.cursor() as cursor:
            cursor.execute(sql.text, sql.filled({self._name: several, **values}, opened))
            return read(cursor.fetchall())

    def _compile_for(self, many: int) -> "_Compiled[Found]":
        parameters = [Parameter(self._name, number) for number in range(many)]
        self._compiled[many] = compiled = self._compile(parameters)
        return compiled

    def _compile(self, parameters: Parameters) -> "_Compiled[Found]":
        raise NotImplementedError


class _Select(_Query[Found]):
    """A SELECT, whose rows are read as its query promises."""

    reads: type[Columns]

    def __init__(self, name: str, make: Callable[[Parameters], models.QuerySet[Any, Any]]) -> None:
        """Take the field's name, and a function that returns the rows for several of its values."""
        super().__init__(name)
        self._make = make

    def _compile(self, parameters: Parameters) -> _Compiled[Found]:
        reader = self.reads(self._make(parameters))
        return _with_slots(reader.model, reader.sql, reader.parameters), reader.read


class Select(_Select[Row]):
    """Whole rows of one table, with those of others that its `select_related` names."""

    reads = Instances


class SelectColumns(_Select[Values]):
    """Some columns, as its `values_list` names them: each row is a sequence."""

    reads = Columns


class Count:
    """How many rows there are, counted up to a limit."""

    def __init__(self, make: Callable[[], models.QuerySet[Any]]) -> None:
        """Take a function that returns the rows."""
        self._make = make

    def run(self, most: int) -> int:
        """Count them; stop at so many."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql.text, [*self._sql.parameters, most])
            return int(cursor.fetchone()[0])

    @cached_property
    def _sql(self) -> Sql:
        counted = Columns(self._make().order_by().values("pk"))
        return Sql(f"SELECT COUNT(*) FROM ({counted.sql} LIMIT %s) counted", counted.parameters)  # noqa: S608 - ours


class UpdateReturning(_Query[Row]):
    """An UPDATE that returns the updated rows, whole and with their new values."""

    def __init__(self, name: str, make: Callable[[Parameters], Change]) -> None:
        """Take the field's name, and a function that returns the rows and the changes for several of its values."""
        super().__init__(name)
        self._make = make

    def _compile(self, parameters: Parameters) -> "_Compiled[Row]":
        rows, changes = self._make(parameters)
        with transaction.atomic():  # the ORM compiles SELECT … FOR UPDATE only inside one
            sql = _update(rows, changes)
        columns = quoted(rows.model._meta.concrete_fields)
        whole = Instances(rows.model._default_manager.order_by())
        return sql._replace(text=f"{sql.text} RETURNING {', '.join(columns)}"), whole.read


def _update(rows: models.QuerySet[Any], changes: Mapping[str, Any]) -> Sql:
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(changes)
    return _with_slots(rows.model, *query.get_compiler(connection=connection).as_sql())


def _with_slots(model: type[models.Model], sql: str, parameters: Iterable[Any]) -> Sql:
    return Sql(sql, [_slot(model, part) if isinstance(part, Parameter) else part for part in parameters])


def _slot(model: type[models.Model], parameter: Parameter) -> Slot:
    field: Any = model._meta.pk if parameter.name == "pk" else model._meta.get_field(parameter.name)
    return Slot(parameter.name, parameter.number, prepared.prepare(field))


def quoted(fields: Iterable[Any]) -> list[str]:
    """Return the names of the columns of some fields."""
    return [connection.ops.quote_name(field.column) for field in fields]


def opened_here() -> BaseDatabaseWrapper:
    """Return this thread's connection itself: Django's stand-in for it looks it up again for each use of each value."""
    return connections[DEFAULT_DB_ALIAS]
