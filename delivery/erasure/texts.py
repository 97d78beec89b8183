"""All texts of all tables: found by what they hold, and rewritten. A new table or column is among them by itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q, QuerySet

from delivery.content import tombstones
from delivery.erasure import twins
from delivery.erasure.people import Person
from delivery.models import (
    AuditEntry,
    Circuit,
    Contact,
    Email,
    Erasure,
    EventToken,
    IdempotencyKey,
    ProviderEvent,
    Recipient,
    SoftBounce,
    Suppression,
    UnsubscribeLink,
)
from delivery.models.email import FINISHED

# Columns that are not looked through, and why.
LEFT: Final[Mapping[tuple[type[models.Model], str], str]] = {
    (Erasure, "address"): "needed until it is done, and empty then",
    (Suppression, "address"): "see entries: it stays, as a tombstone",
    (SoftBounce, "address"): "see entries: the row goes",
    (UnsubscribeLink, "address"): "see entries: it stays, as a tombstone",
    # The audit is append-only but for what may name a person; see access/append_only.
    (AuditEntry, "action"): "one of our words",
    (AuditEntry, "object_kind"): "one of our words",
    (AuditEntry, "actor_id"): "a number, or the public id of a key",
    (AuditEntry, "address"): "where a request came from, no address of mail",
    (AuditEntry, "request_id"): "a name of a request, which no address can be",
}
# Rows that say nothing that another one does not say; of a team, a group or a template each is something of its own.
_MERGED: Final = frozenset({Circuit, Contact, EventToken, IdempotencyKey, ProviderEvent})
_Changes = dict[str, Any]
_SETTLED = (*FINISHED, Email.Status.QUARANTINED)


def settled(to_email: str = "") -> Q:
    """Return the condition that nobody is sending an email, and nobody will; `to_email`: the path to its table."""
    path = f"{to_email}__" if to_email else ""
    given_up = Q(**{f"{path}status": Email.Status.UNKNOWN, f"{path}due_at": None})
    return Q(**{f"{path}status__in": _SETTLED}) | given_up


def tables() -> list[type[models.Model]]:
    """Return the tables that may hold an address."""
    own = [model for model in apps.get_app_config("delivery").get_models() if columns(model)]
    return [*own, LogEntry]


def columns(model: type[models.Model]) -> list[str]:
    """Return the columns of a table that hold texts of any kind."""
    return [field.name for field in model._meta.concrete_fields if _holds_text(field) and not _is_left(field)]


def at_rest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Leave out what belongs to an email that waits or is being sent: it goes out as it was promised."""
    if rows.model is Email:
        return rows.filter(settled())
    names: list[str] = [
        field.name for field in rows.model._meta.concrete_fields if field.related_model is Email
    ]
    for name in names:
        rows = rows.filter(Q(**{name: None}) | settled(name))
    return rows


def holding(rows: QuerySet[Any], person: Person) -> QuerySet[Any]:
    """Keep the rows that may hold the address; each is read, and told apart from others in Python."""
    table = connection.ops.quote_name(rows.model._meta.db_table)
    names = [f"{table}.{_quoted(rows.model, name)}" for name in columns(rows.model)]
    where, parameters = _CONDITIONS[connection.vendor](names, _needles(person))
    return rows.extra(where=[where], params=parameters)  # noqa: S610 - our own names


def scrub(rows: QuerySet[Any], person: Person) -> int:
    """Rewrite what holds the address in these rows, in the caller's transaction; return how many rows held it."""
    names = columns(rows.model)
    found = ((row, _changed(row, names, person)) for row in rows.only(*names))
    return sum(_store(row, changes) for row, changes in found if changes)


def _changed(row: Any, names: list[str], person: Person) -> _Changes:
    values = {name: getattr(row, name) for name in names}
    hidden = {name: person.hidden(value) for name, value in values.items() if value}
    changes = {name: _cut(row, name, value) for name, value in hidden.items() if value != values[name]}
    if changes and (beside := _BESIDE.get(type(row))):
        beside(row, changes, person)
    return changes


def _store(row: Any, changes: _Changes) -> int:
    """Save the changes. Of rows that say the same then one goes, or, where people made them, is told apart."""
    rows: QuerySet[Any] = QuerySet(type(row)).filter(pk=row.pk)  # the audit refuses it from its own queryset
    try:
        with transaction.atomic():
            rows.update(**changes)
    except IntegrityError:
        alike = twins.columns_alike(row, changes)
        if not alike:
            raise
        if type(row) in _MERGED:
            rows.delete()
        else:
            rows.update(**changes | {name: _told_apart(row, name, changes[name]) for name in alike})
    return 1


def _told_apart(row: Any, name: str, value: str) -> str:
    own = f" {row.pk}"
    return f"{value[: row._meta.get_field(name).max_length - len(own)]}{own}"


def _cut(row: Any, name: str, value: Any) -> Any:
    longest = row._meta.get_field(name).max_length
    return value[:longest] if longest and isinstance(value, str) else value


def _email(row: Email, changes: _Changes, person: Person) -> None:
    if changes.get("from_address") == person.tombstone and row.from_name:
        changes["from_name"] = person.tombstone


def _recipient(row: Any, changes: _Changes, person: Person) -> None:
    if changes.get("canonical") == person.tombstone and row.name:
        changes["name"] = person.tombstone


def _contact(row: Any, changes: _Changes, person: Person) -> None:
    """A team's own words about the person go with the address."""
    if changes.get("email_key") == person.tombstone:
        names = {name: person.tombstone for name in ("first_name", "last_name", "name") if getattr(row, name)}
        changes |= {**names, "data": {}}


def _event(row: ProviderEvent, changes: _Changes, person: Person) -> None:
    """The raw event may name its person otherwise, too; and its key is a hash that could be tried out."""
    changes |= {"raw": {}, "key": hashed(row.key)}


def _use(row: IdempotencyKey, changes: _Changes, person: Person) -> None:
    changes["fingerprint"] = hashed(row.fingerprint)


def hashed(digest: str) -> str:
    """Return a hash that was made without a key as one with a key."""
    return digest if tombstones.is_one(digest) else tombstones.of(digest)[0]


_BESIDE: Mapping[type[models.Model], Callable[[Any, _Changes, Person], None]] = {
    Email: _email,
    Recipient: _recipient,
    Contact: _contact,
    ProviderEvent: _event,
    IdempotencyKey: _use,
}


def _in_sqlite(names: list[str], needles: list[str]) -> tuple[str, list[Any]]:
    """Its LIKE takes small and capital letters of ASCII for the same."""
    likes = [f"{name} LIKE %s ESCAPE '\\'" for name in names for _ in needles]
    return " OR ".join(likes), needles * len(names)


def _in_postgresql(names: list[str], needles: list[str]) -> tuple[str, list[Any]]:
    """All texts in one, by the rules of C: half the time of ILIKE for each."""
    together = f"concat_ws(chr(10), {', '.join(names)})"
    return f'lower({together} COLLATE "C") LIKE ANY(%s)', [needles]


_CONDITIONS = {"sqlite": _in_sqlite, "postgresql": _in_postgresql}


def _holds_text(field: Any) -> bool:
    is_text = isinstance(field, models.CharField | models.TextField | models.JSONField)
    return is_text and not field.choices and not field.primary_key


def _is_left(field: Any) -> bool:
    return (field.model, field.name) in LEFT


def _quoted(model: type[models.Model], name: str) -> str:
    column: Any = model._meta.get_field(name)
    return connection.ops.quote_name(column.column)


def _needles(person: Person) -> list[str]:
    written = [text for text in person.spellings if "&" not in text]
    return [f"%{_escaped(text)}%" for text in dict.fromkeys(_as_stored(written))]


def _as_stored(several: list[str]) -> Iterator[str]:
    """Yield the spellings; SQLite keeps JSON as text, in which letters outside of ASCII are escaped."""
    for text in several:
        yield text
        if connection.vendor == "sqlite":
            yield json.dumps(text)[1:-1]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
