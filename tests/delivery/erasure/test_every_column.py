"""Every text of every table is looked through: what a new column holds is erased by itself, or fails here."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models

from delivery.erasure import forget, texts
from delivery.models import Email, Erasure, Recipient
from tests.delivery.erasure import dumps

pytestmark = pytest.mark.django_db
WHO, WRITTEN = "c@qq.zz", "C@QQ.zz"  # short enough for the shortest columns
NOW = datetime(2026, 11, 28, tzinfo=UTC)
# Applications of others whose tables are not looked through, and why.
OTHERS = {
    "auth": "people who log in: their accounts are removed in the admin",
    "account": "the same",
    "mfa": "the same",
    "socialaccount": "the same",
    "usersessions": "the same",
    "axes": "failed logins, which it deletes itself after their time",
    "contenttypes": "names of tables",
    "sessions": "signed, and over after twelve hours",
}


def test_no_column_of_any_table_keeps_the_address() -> None:
    made = filled()
    missing = (
        {model.__name__ for model in texts.tables()} - {type(row).__name__ for row in made} - {"Erasure"}
    )
    assert not missing
    assert len(dumps.tables_with(WHO)) >= len(texts.tables()) - 1

    counts = forget.erase(WRITTEN, team=None)

    assert dumps.tables_with(WHO) == []
    assert counts["emails"] == 1
    (proof,) = Erasure.objects.all()
    assert (proof.state, proof.address) == ("done", "")
    recipient = Recipient.objects.get()
    assert recipient.name == recipient.address == recipient.canonical == proof.digest


def test_the_tables_of_others_are_known() -> None:
    looked_through = {"delivery", "admin"}
    others = {model._meta.app_label for model in apps.get_models() if texts.columns(model)} - looked_through
    assert others <= set(OTHERS)


def filled() -> list[models.Model]:
    """Return a row of each table with the address in all of its texts."""
    made: dict[type[models.Model], models.Model] = {User: User.objects.create(username="someone")}
    waiting = [model for model in texts.tables() if model is not Erasure]
    while waiting:
        ready = [model for model in waiting if not set(_needed(model)) - set(made)]
        assert ready, waiting
        for model in ready:
            made[model] = model._default_manager.create(**dict(_values(model, made)))
            waiting.remove(model)
    return list(made.values())


def _needed(model: type[models.Model]) -> Iterator[type[models.Model]]:
    for field in model._meta.concrete_fields:
        kind = field.related_model
        if isinstance(kind, type) and kind is not model and kind._meta.app_label == "delivery":
            yield kind


def _values(model: Any, made: dict[type[models.Model], models.Model]) -> Iterator[tuple[str, Any]]:
    given = _SET.get(model.__name__, {})
    for field in model._meta.concrete_fields:
        if field.name in given:
            yield field.name, given[field.name]
        elif field.related_model:
            yield field.name, made.get(field.related_model)
        elif (model, field.name) not in texts.LEFT:
            yield from _text(field)


def _text(field: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(field, models.CharField | models.TextField) and not field.choices:
        yield field.name, "ses" if field.primary_key else WRITTEN[: field.max_length]
    elif isinstance(field, models.JSONField):
        yield field.name, _json(field)
    elif not field.has_default() and not field.null and type(field) in _PLAIN:
        yield field.name, _PLAIN[type(field)]()


_SET: dict[str, dict[str, Any]] = {
    "Email": {
        "status": Email.Status.SENT,
        "reply_to": [[WRITTEN, "Cee"]],
        "headers": {"X-Whose": f"<{WRITTEN}>"},
    },
    "Recipient": {"canonical": WHO, "kind": "to", "status": "accepted"},
    "Suppression": {"address": WHO, "kind": "manual"},
    "SoftBounce": {"address": WHO},
    "UnsubscribeLink": {"address": WHO},
    "ProviderEvent": {"recipient": WHO},
    "Contact": {"email_key": WHO},
    "Limits": {"key": None},  # of a team or of a key
    "LogEntry": {"action_flag": 2},
}
_PLAIN: dict[Any, Any] = {
    models.UUIDField: uuid4,
    models.DateTimeField: lambda: NOW,
    models.DateField: lambda: date(2026, 11, 28),
    models.PositiveIntegerField: lambda: 1,
    models.PositiveSmallIntegerField: lambda: 1,
    models.PositiveBigIntegerField: lambda: 1,
    models.BigIntegerField: lambda: 1,
    models.IntegerField: lambda: 1,
    models.FloatField: lambda: 1.0,
    models.BooleanField: lambda: True,
}


def _json(field: Any) -> Any:
    if field.default is list:
        return [WRITTEN, {"deep": [f"mailto:{WRITTEN}?subject=x"]}]
    return {f"of {WRITTEN}": [WRITTEN, {"link": "https://example.org/?who=c%40qq.zz"}]}
