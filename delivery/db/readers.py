"""From the rows of a SELECT that is compiled once to what its query promises; used by compiled.py."""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=models.Model)
Values = Sequence[Any]  # of one row


class Columns:
    """The columns that a query names, as Python's values."""

    def __init__(self, rows: models.QuerySet[Any, Any]) -> None:
        """Compile the query."""
        self.model = rows.model
        self._compiler: Any = rows.query.get_compiler(connection=connection)
        self.sql, self.parameters = self._compiler.as_sql()
        self.select = [expression for expression, *_ in self._compiler.select[: self._compiler.col_count]]
        self._converters = self._compiler.get_converters(self.select)

    def read(self, rows: Iterable[Values]) -> list[Any]:
        """Return the values of each row."""
        return list(self._compiler.apply_converters(rows, self._converters) if self._converters else rows)


class Instances(Columns, Generic[Row]):
    """Whole rows of a table, each with the rows of others that `select_related` names."""

    def __init__(self, rows: models.QuerySet[Row]) -> None:
        """Compile the query."""
        super().__init__(rows)
        info = self._compiler.klass_info
        self._own = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        self._names = [column.target.attname for column in self.select[self._own]]
        self._others: Any = get_related_populators(info, self._compiler.select, connection.alias)  # type: ignore[call-arg]

    def read(self, rows: Iterable[Values]) -> list[Row]:
        """Return the model's instances."""
        return [self._instance(values) for values in super().read(rows)]

    def _instance(self, values: Values) -> Row:
        row: Row = self.model.from_db(connection.alias, self._names, values[self._own])
        for other in self._others:
            other.populate(values, row)
        return row
