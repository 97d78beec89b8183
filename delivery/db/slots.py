"""A compiled statement, and the places in it where values belong; used by compiled.py."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from delivery.db.values import Prepare


class Slot(NamedTuple):
    """The position of a value among the parameters, and its conversion to the database's form."""

    name: str
    number: int | None
    prepare: Prepare

    def filled(self, values: Mapping[str, Any], opened: BaseDatabaseWrapper) -> Any:
        """Return the value as the database takes it."""
        value = values[self.name] if self.number is None else values[self.name][self.number]
        return self.prepare(value, opened)


class Sql(NamedTuple):
    """A statement as it is sent to the database."""

    text: str
    parameters: Sequence[Any]

    def filled(self, values: Mapping[str, Any], opened: BaseDatabaseWrapper) -> list[Any]:
        """Return the parameters with these values in their slots."""
        return [part.filled(values, opened) if isinstance(part, Slot) else part for part in self.parameters]
