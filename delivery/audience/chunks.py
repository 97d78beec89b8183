"""A chunk of a file's rows made into contacts and memberships, in the transaction of whoever calls.

What a row means depends on the rows before it and on what is stored, never on where a chunk begins: rows of one address
are applied one after the other, and a contact remembers the import that had it last.
"""

import json
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from delivery.audience import writing
from delivery.audience.rows import NAMES, Plan, Row, is_too_much, stripped, text_of
from delivery.db import clock, ids
from delivery.models import Import
from delivery.models.contact import LONGEST_NAME

_MERGE, _REPLACE, _SKIP = Import.OnExisting.MERGE, Import.OnExisting.REPLACE, Import.OnExisting.SKIP
_NAME: Final = NAMES.index("name")


@dataclass(kw_only=True, slots=True)
class Person:
    """A contact as it is stored, or will be."""

    id: UUID | None  # None: it is new
    key: str
    email: str
    names: list[str]  # in the order of NAMES
    data: dict[str, Any]
    is_own: bool  # this import has made it
    had_before: bool  # an earlier chunk of this import had it
    is_changed: bool = False


class _TooMuch(Exception):
    """A contact may not have so much data."""


@dataclass(kw_only=True)
class Counts:
    """What became of rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    taken: set[str] = field(default_factory=set)  # their keys
    too_much: list[Row] = field(default_factory=list)  # with what is stored they would hold too much data


def write(imported: Import, plan: Plan, rows: Sequence[Row]) -> Counts:
    """Store the rows; the caller holds the claim and the transaction."""
    people = _people(imported, {row.key for row in rows}, lock=True)
    counts = apply(imported, plan, rows, people)
    several, now = [people[key] for key in sorted(counts.taken)], clock.now()
    known = [person for person in several if person.id is not None]
    new = [person for person in several if person.id is None]
    for person, pk in zip(new, ids.several(len(new)), strict=True):
        person.id = pk
    writing.insert(imported, [_values(person) for person in new], now)
    writing.update(imported, [_values(person) for person in known if person.is_changed], now)
    writing.mark(imported, [_id(person) for person in known if not person.is_changed])
    if imported.group_id:
        writing.join(imported, [_id(person) for person in several], now)
    return counts


def foresee(
    imported: Import, plan: Plan, rows: Sequence[Row], before: Callable[[Set[str]], Set[str]]
) -> Counts:
    """Return what would become of the rows; change nothing. `before` tells which keys came before these rows."""
    keys = {row.key for row in rows}
    people = _people(imported, keys, lock=False)
    for key in before(keys):
        nobody = Person(id=None, key=key, email=key, names=[""] * 4, data={}, is_own=True, had_before=True)
        people.setdefault(key, nobody).had_before = True
    return apply(imported, plan, rows, people)


def apply(imported: Import, plan: Plan, rows: Iterable[Row], people: dict[str, Person]) -> Counts:
    """Apply rows to people, one after the other, and count what becomes of each."""
    counts, seen = Counts(), {key for key, person in people.items() if person.had_before}
    for row in rows:
        try:
            is_changed = _changes(imported, plan, row, people)
        except _TooMuch:
            counts.too_much.append(row)
            continue
        if row.key in seen:
            counts.duplicates += 1
        elif is_changed is None:
            counts.created += 1
        elif is_changed:
            counts.updated += 1
        else:
            counts.unchanged += 1
        seen.add(row.key)
        counts.taken.add(row.key)
    return counts


def _changes(imported: Import, plan: Plan, row: Row, people: dict[str, Person]) -> bool | None:
    """Apply one row, and tell whether that changes the person; None: it is a new one."""
    person = people.get(row.key)
    if person is not None:
        return _take(imported, plan, row, person)
    people[row.key] = _new(plan, row)
    return None


def _take(imported: Import, plan: Plan, row: Row, person: Person) -> bool:
    """Give a person what the row says; tell whether that changes anything."""
    how = imported.on_existing
    if how == _SKIP:
        if not person.is_own:
            return False
        how = _REPLACE  # the file's own: its last row wins
    names = _names(plan, row, person.names, keep=how == _MERGE)
    data = _merged(person.data, zip(plan.keys, row.data, strict=True), keep=how == _MERGE)
    if names == person.names and data == person.data:
        return False
    if data != person.data and is_too_much(data):
        raise _TooMuch
    person.names, person.data, person.is_changed = names, data, True
    return True


def _names(plan: Plan, row: Row, old: list[str], *, keep: bool) -> list[str]:
    """Return the names with those of the row; an empty cell leaves the old one, or erases it.

    One that a file would show so stays what it is.
    """
    names = old.copy()
    for at, text in zip(plan.places, row.names, strict=True):
        if (text or not keep) and stripped(names[at]) != text:
            names[at] = text
    if row.beside and (_NAME not in plan.places or not row.names[plan.places.index(_NAME)]):
        names[_NAME] = row.beside[:LONGEST_NAME]
    return names


def _merged(data: dict[str, Any], given: Iterable[tuple[str, str]], *, keep: bool) -> dict[str, Any]:
    """Return the data with what is given; an empty cell leaves the old value, or erases it.

    A value that a file would show so stays what it is: a number, say, or a text with a blank behind it.
    """
    merged = dict(data)
    for name, text in given:
        if text:
            if name not in merged or stripped(text_of(merged[name])) != text:
                merged[name] = text
        elif not keep:
            merged.pop(name, None)
    return merged


def _new(plan: Plan, row: Row) -> Person:
    return Person(
        id=None,
        key=row.key,
        email=row.email,
        names=_names(plan, row, ["", "", "", ""], keep=True),
        data={name: text for name, text in zip(plan.keys, row.data, strict=True) if text},
        is_own=True,
        had_before=False,
    )


def _people(imported: Import, keys: set[str], *, lock: bool) -> dict[str, Person]:
    found = writing.stored(imported, sorted(keys), lock=lock)
    return {
        each.key: Person(
            id=each.id,
            key=each.key,
            email=each.email,
            names=list(each.names),
            data=each.data,
            is_own=each.created_by == imported.pk,
            had_before=each.last == imported.pk,
        )
        for each in found
    }


def _id(person: Person) -> UUID:
    assert person.id is not None  # noqa: S101 - everybody has one by then
    return person.id


def _values(person: Person) -> writing.Values:
    return (person.id, person.key, person.email, *person.names, json.dumps(person.data))
