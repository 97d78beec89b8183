"""A row of every table that leads to a team, with files: the models are walked, so that a new one is among them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.db import models
from django.db.models import ForeignKey, Model

from delivery.audience import files as uploads
from delivery.models import ApiKey, Attachment, AuditEntry, Contact, Import, Limits, Team, TeamDeletion
from tests.delivery.factories import a_file, stored

NOW = datetime(2026, 11, 28, tzinfo=UTC)
STAYS = {AuditEntry, TeamDeletion}  # see docs/decisions: they outlive their team
SHARED = b"a file that both teams have sent"
Rows = dict[type[Model], Any]


def owned() -> list[type[Model]]:
    """Return the tables from whose rows foreign keys lead to a team, however long the way; but those that stay."""
    every = list(apps.get_app_config("delivery").get_models())
    found: set[type[Model]] = {Team}
    while more := [model for model in every if model not in found and named_by(model) & found]:
        found |= set(more)
    return [model for model in every if model in found - {Team} - STAYS]


def named_by(model: type[Model]) -> set[Any]:
    """Return the tables that a row names."""
    return {key.related_model for key in keys(model)}


def keys(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]


def paths(model: type[Model], deepest: int = 4) -> Iterator[str]:
    """Yield each way from a row to its team."""
    for key in keys(model):
        if key.related_model is Team:
            yield key.name
        elif deepest and key.related_model is not model and key.related_model in owned():
            yield from (f"{key.name}__{path}" for path in paths(key.related_model, deepest - 1))


def of(team: Team) -> dict[str, int]:
    """Count the rows that lead to a team, by their table."""
    found = {}
    for model in owned():
        rows: set[Any] = set()
        for path in paths(model):
            rows |= set(model._default_manager.filter(**{path: team}).values_list("pk", flat=True))
        found[model.__name__] = len(rows)
    return found


def fill(team: Team, folder: Any) -> Rows:
    """Make a row of each table for a team, and its files."""
    user = User.objects.create_user(f"user-of-{team.name}", f"{team.name}@example.org", is_staff=True)
    made: Rows = {Team: team, User: user}
    waiting = owned()
    while waiting:
        ready = [model for model in waiting if not (named_by(model) - {model}) - set(made)]
        assert ready, waiting
        for model in ready:
            made[model] = model._default_manager.create(**dict(_values(model, made, team)))
            waiting.remove(model)
    _more(made, team, folder)
    return made


def _more(made: Rows, team: Team, folder: Any) -> None:
    key = made[ApiKey]
    other = ApiKey.objects.create(
        team=team, public_id=f"{team.pk:08}", digest="0", successor_of=key, made_with=key
    )
    Limits.objects.create(key=other)
    for content in (SHARED, team.name.encode()):
        file = stored(folder, a_file(content))
        Attachment.objects.create(
            email=made[Attachment].email, filename="a", content_type="text/plain", size=1, sha256=file.name
        )
    uploads.keep_content(made[Import].pk, ContentFile(b"email\n"))
    for row in (made[Contact], team):
        LogEntry.objects.create(
            user=made[User],
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row),
            action_flag=1,
        )


def _values(model: type[Model], made: Rows, team: Team) -> Iterator[tuple[str, Any]]:
    given = _SET.get(model.__name__, {})
    for field in model._meta.concrete_fields:
        if field.name in given:
            yield field.name, given[field.name]
        elif model.__name__ == "IdempotencyKey" and field.name == "scope":
            yield field.name, str(team.pk)
        elif field.related_model is model:
            continue
        elif field.related_model:
            yield field.name, made[field.related_model]
        else:
            yield from _plain(field, team)


def _plain(field: Any, team: Team) -> Iterator[tuple[str, Any]]:
    if (
        isinstance(field, models.CharField | models.TextField)
        and not field.choices
        and not field.has_default()
    ):
        text = f"{field.name}-{team.name}"
        yield field.name, text[-field.max_length :] if field.max_length else text
    elif not field.has_default() and not field.null and type(field) in _PLAIN:
        yield field.name, _PLAIN[type(field)]()


_SET: dict[str, dict[str, Any]] = {
    "Email": {"status": "sent", "from_address": "me@example.org"},
    "Attachment": {"sha256": "0" * 64, "pruned_at": NOW},
    "Limits": {"key": None},  # of a team or of a key
    "Import": {"status": "done"},
    "Erasure": {"finished_at": NOW},
    "Member": {"role": "owner"},
}
_PLAIN: dict[Any, Any] = {
    models.UUIDField: uuid4,
    models.DateTimeField: lambda: NOW,
    models.DateField: lambda: date(2026, 11, 28),
    models.BinaryField: lambda: b"x",
    models.PositiveIntegerField: lambda: 1,
    models.PositiveSmallIntegerField: lambda: 1,
    models.PositiveBigIntegerField: lambda: 1,
    models.BigIntegerField: lambda: 1,
    models.IntegerField: lambda: 1,
    models.FloatField: lambda: 1.0,
    models.BooleanField: lambda: True,
}
