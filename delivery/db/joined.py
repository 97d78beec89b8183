"""UPDATEs of many rows by one statement: the values come as a table beside. Made of what compiled.py has compiled."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper

from delivery.db.slots import Slot, Sql

_LENGTH = re.compile(r"\(\d+\)")  # of a column; a value cast to it would be cut off without a word


class Joined(NamedTuple):
    """An UPDATE … FROM unnest(…), as PostgreSQL has it."""

    text: str
    before: Sequence[Any]  # parameters
    slots: Sequence[Slot]  # each becomes an array
    after: Sequence[Any]

    def filled(self, rows: Sequence[Mapping[str, Any]], opened: BaseDatabaseWrapper) -> list[Any]:
        """Return all parameters."""
        arrays = [[slot.filled(values, opened) for values in rows] for slot in self.slots]
        return [*self.before, *arrays, *self.after]


def made(model: type[models.Model], sql: Sql) -> Joined:
    """Return the statement for many rows at once that this is for one."""
    changes, _, condition = sql.text.partition(" WHERE ")
    number = changes.count("%s")
    slots = {part.name: part for part in sql.parameters if isinstance(part, Slot)}
    names = ", ".join(map(connection.ops.quote_name, slots))
    arrays = ", ".join(f"%s::{_type(model, name)}[]" for name in slots)
    return Joined(
        f"{_named(changes, sql.parameters[:number])} FROM unnest({arrays}) AS given({names}) "
        f"WHERE {_named(condition, sql.parameters[number:])}",
        [part for part in sql.parameters[:number] if not isinstance(part, Slot)],
        list(slots.values()),
        [part for part in sql.parameters[number:] if not isinstance(part, Slot)],
    )


def _named(text: str, parameters: Sequence[Any]) -> str:
    """Put the name of a value's column wherever a row's own value stood."""
    first, *others = text.split("%s")
    named = (
        f"given.{connection.ops.quote_name(part.name)}" if isinstance(part, Slot) else "%s"
        for part in parameters
    )
    return first + "".join(one + other for one, other in zip(named, others, strict=True))


def _type(model: type[models.Model], name: str) -> str:
    field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    return _LENGTH.sub(
        "", str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection))
    )
