"""The statements of the hot path, compiled by the ORM once and then run with new values.

The SQL of an UPDATE or a SELECT has a Parameter in place of each value. An INSERT is written from the model's fields.
Compiling the SQL costs this process more than a round trip to the database; see docs/decisions/0019.

Private parts of Django that this and values.py stand on (tests/delivery/db/test_private_parts.py names each, and
test_every_statement.py holds each statement against plain ORM code):

- `QuerySet.query`, `Query.chain(UpdateQuery)`, `UpdateQuery.add_update_values`, `Query.get_compiler`, and the
  compiler's `as_sql`, `compile`, `get_converters` and `apply_converters`; `InsertQuery` for a column's expression
- `Field.get_col`, `pre_save`, `get_db_prep_save` and `attname`; `Model.from_db`, `_meta`, `_state`, `_default_manager`
- `Expression.as_sql` and `resolve_expression`; `connection.wrap_database_errors` and `ops.quote_name`
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from django.db.models.sql import UpdateQuery

from delivery.db import values as prepared
from delivery.db.values import Column, Prepare

_FEW = 20  # rows; up to here PostgreSQL takes an INSERT faster than a COPY
_MANY = 500  # rows of one INSERT: SQLite takes 32,766 values
Row = TypeVar("Row", bound=models.Model)
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


class _Slot(NamedTuple):
    """The position of a value among the parameters, and its conversion to the database's form."""

    name: str
    number: int | None
    prepare: Prepare

    def filled(self, values: Mapping[str, Any], opened: BaseDatabaseWrapper) -> Any:
        value = values[self.name] if self.number is None else values[self.name][self.number]
        return self.prepare(value, opened)


class _Sql(NamedTuple):
    """A statement as it is sent to the database."""

    text: str
    parameters: Sequence[Any]

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        opened = _opened()
        return [part.filled(values, opened) if isinstance(part, _Slot) else part for part in self.parameters]


class Update:
    """An UPDATE of rows of one table."""

    def __init__(self, make: Callable[[], Change]) -> None:
        """Take a function that returns the rows and the changes; it is called once, at the first run."""
        self._make = make

    def run(self, **values: Any) -> int:
        """Run the statement and return the number of updated rows."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql.text, self._sql.filled(values))
            return int(cursor.rowcount)

    def run_all(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it once for each mapping of values; return the total number of updated rows."""
        if len(rows) == 1:
            return self.run(**rows[0])
        with connection.cursor() as cursor:
            cursor.executemany(self._sql.text, [self._sql.filled(values) for values in rows])
            return int(cursor.rowcount)

    @cached_property
    def _sql(self) -> _Sql:
        return _update(*self._make())


class _Query(Generic[Row]):
    """A statement that returns rows, for any number of values of one field; compiled once for each number."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._compiled: dict[int, tuple[_Sql, _Reader[Row]]] = {}

    def run(self, several: Sequence[Any], **values: Any) -> list[Row]:
        """Return the rows."""
        sql, reader = self._compiled.get(len(several)) or self._compile_for(len(several))
        with connection.cursor() as cursor:
            cursor.execute(sql.text, sql.filled({self._name: several, **values}))
            return reader.read(cursor.fetchall())

    def _compile_for(self, many: int) -> "tuple[_Sql, _Reader[Row]]":
        parameters = [Parameter(self._name, number) for number in range(many)]
        self._compiled[many] = compiled = self._compile(parameters)
        return compiled

    def _compile(self, parameters: Parameters) -> "tuple[_Sql, _Reader[Row]]":
        raise NotImplementedError


class Select(_Query[Row]):
    """A SELECT of whole rows of one table."""

    def __init__(self, name: str, make: Callable[[Parameters], models.QuerySet[Row]]) -> None:
        """Take the field's name, and a function that returns the rows for several of its values."""
        super().__init__(name)
        self._make = make

    def _compile(self, parameters: Parameters) -> "tuple[_Sql, _Reader[Row]]":
        rows = self._make(parameters)
        compiled = rows.query.get_compiler(connection=connection).as_sql()
        return _with_slots(rows.model, *compiled), _Reader(rows.model)


class UpdateReturning(_Query[Row]):
    """An UPDATE that returns the updated rows, whole and with their new values."""

    def __init__(self, name: str, make: Callable[[Parameters], Change]) -> None:
        """Take the field's name, and a function that returns the rows and the changes for several of its values."""
        super().__init__(name)
        self._make = make

    def _compile(self, parameters: Parameters) -> "tuple[_Sql, _Reader[Row]]":
        rows, changes = self._make(parameters)
        with transaction.atomic():  # the ORM compiles SELECT … FOR UPDATE only inside one
            sql, reader = _update(rows, changes), _Reader(rows.model)
        return sql._replace(text=f"{sql.text} RETURNING {', '.join(reader.columns)}"), reader


class Insert:
    """An INSERT of rows of one table. Keys that the database generates are not read back."""

    def __init__(self, model: type[models.Model]) -> None:
        """Take the table's model."""
        self._model = model
        own = (field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))
        self._fields = tuple(own)

    def run(self, rows: Sequence[models.Model]) -> None:
        """Insert all rows in one statement; up to 20 of them may have expressions as values."""
        if len(rows) <= _FEW:
            self._insert(rows)
        elif connection.vendor == "postgresql":
            self._copy(rows)
        else:
            self._model._default_manager.bulk_create(rows)
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias

    def _insert(self, rows: Sequence[models.Model]) -> None:
        opened = _opened()
        table = [[column.of(row, opened) for column in self._columns] for row in rows]
        values = ", ".join([f"({', '.join([sql for sql, _ in columns])})" for columns in table])
        parameters = [value for columns in table for _, values in columns for value in values]
        if parameters:
            statement = f"INSERT INTO {self._into} VALUES {values}"  # noqa: S608 - our names and placeholders
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)

    def _copy(self, rows: Sequence[models.Model]) -> None:
        """Insert by COPY: a third of the time of an INSERT for PostgreSQL, and less for this process."""
        columns = [(field.attname, prepared.prepare(field)) for field in self._fields]
        statement = f"COPY {self._into} FROM STDIN"
        opened = _opened()
        with opened.cursor() as cursor, opened.wrap_database_errors, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([prepare(getattr(row, name), opened) for name, prepare in columns])

    @cached_property
    def _columns(self) -> list[Column]:
        return [prepared.column(field) for field in self._fields]

    @cached_property
    def _into(self) -> str:
        table = connection.ops.quote_name(self._model._meta.db_table)
        return f"{table} ({', '.join(_quoted(self._fields))})"


class InsertNew(Insert):
    """An INSERT that passes over the rows whose unique columns are there already."""

    def run_new(self, rows: Sequence[models.Model]) -> set[Any]:
        """Insert the rows, and return the primary keys of those that are new.

        A transaction that inserts the same row at the moment is waited for; give the rows in one order everywhere.
        """
        key: Any = self._model._meta.pk
        found = (
            key.to_python(value)
            for start in range(0, len(rows), _MANY)
            for value in self._new(rows[start : start + _MANY])
        )
        return set(found)

    def _new(self, rows: Sequence[models.Model]) -> list[Any]:
        columns = [
            [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows]
            for field in self._fields
        ]
        if (
            connection.vendor == "postgresql"
        ):  # an array for each column: psycopg is slow at many placeholders
            values, parameters = self._unnested, columns
        else:
            one = f"({', '.join(['%s'] * len(columns))})"
            values = f"VALUES {', '.join([one] * len(rows))}"
            parameters = [value for row in zip(*columns, strict=True) for value in row]
        (key,) = _quoted([self._model._meta.pk])
        statement = f"INSERT INTO {self._into} {values} ON CONFLICT DO NOTHING RETURNING {key}"
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return [found for (found,) in cursor.fetchall()]

    @cached_property
    def _unnested(self) -> str:
        arrays = (f"%s::{field.db_type(connection)}[]" for field in self._fields)
        return f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608 - our types


class _Reader(Generic[Row]):
    """Builds model instances from rows that have all columns of the table."""

    def __init__(self, model: type[Row]) -> None:
        fields = model._meta.concrete_fields
        self.columns = _quoted(fields)
        self._model, self._names = model, [field.attname for field in fields]
        self._compiler = model._default_manager.all().query.get_compiler(connection=connection)
        self._converters = self._compiler.get_converters([field.get_col("") for field in fields])

    def read(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        converted = self._compiler.apply_converters(rows, self._converters) if self._converters else rows
        return [self._model.from_db(connection.alias, self._names, row) for row in converted]


def _update(rows: models.QuerySet[Any], changes: Mapping[str, Any]) -> _Sql:
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(changes)
    return _with_slots(rows.model, *query.get_compiler(connection=connection).as_sql())


def _with_slots(model: type[models.Model], sql: str, parameters: Iterable[Any]) -> _Sql:
    return _Sql(sql, [_slot(model, part) if isinstance(part, Parameter) else part for part in parameters])


def _slot(model: type[models.Model], parameter: Parameter) -> _Slot:
    field: Any = model._meta.pk if parameter.name == "pk" else model._meta.get_field(parameter.name)
    return _Slot(parameter.name, parameter.number, prepared.prepare(field))


def _quoted(fields: Iterable[Any]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in fields]


def _opened() -> BaseDatabaseWrapper:
    """Return this thread's connection itself: Django's stand-in for it looks it up again for each use of each value."""
    return connections[DEFAULT_DB_ALIAS]
