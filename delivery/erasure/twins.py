"""Rows that a change would make the same as another one, as far as the database forbids it."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q, QuerySet, UniqueConstraint


def columns_alike(row: Any, changes: Mapping[str, Any]) -> set[str]:
    """Return those of the changed columns in which another row has these values already; none: it is not that."""
    rows: QuerySet[Any] = QuerySet(type(row))
    for names, condition in _unique(row):
        changed = changes.keys() & set(names)
        if not changed or not rows.filter(condition, pk=row.pk).exists():
            continue
        wanted = {name: changes.get(name, getattr(row, name)) for name in names}
        if rows.filter(condition, **wanted).exclude(pk=row.pk).exists():
            return changed
    return set()


def _unique(row: Any) -> Iterator[tuple[tuple[str, ...], Q]]:
    for field in row._meta.concrete_fields:
        if field.unique:
            yield (field.name,), Q()
    for constraint in row._meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield tuple(constraint.fields), constraint.condition or Q()
