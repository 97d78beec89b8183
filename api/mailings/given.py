"""What a client gives for a mailing: its ids become rows of its team, and it must be one that its key may send."""

import copy
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request
from rest_framework.serializers import ValidationError

from api import sending
from api.authentication import team
from api.fields import fail
from api.mailings.shapes import BODIES
from delivery.audience import groups
from delivery.library import signatures, templates
from delivery.mailings import rules
from delivery.mailings.content import NotReady
from delivery.models import Group, Mailing, Signature, Team, Template

_ABSENT: Final = ("rate", "send_at")  # that are null where nothing is said


def fields(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a mailing; a template takes bodies away, and bodies a template."""
    whose, found = team(request), dict(asked)
    if "group" in asked:
        found["group"] = _group(whose, asked["group"], "group")
    if "exclude" in asked:
        found["exclude"] = _excluded(whose, asked["exclude"])
    if "signature" in asked:
        found["signature"] = _signature(whose, asked["signature"])
    found |= {name: None for name in _ABSENT if asked.get(name) == ""}
    return found | _content(whose, asked)


def changed(mailing: Mailing, fields: dict[str, Any]) -> Mailing:
    """Return the mailing as it would be, in memory."""
    made = copy.copy(mailing)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def refuse(request: Request, mailing: Mailing) -> None:
    """Raise for what could be sent to nobody, and for a sender that the request's key may not use."""
    rules.refuse(mailing)
    sending.refuse_sender(request, rules.sender(mailing))


def refuse_sender(request: Request, mailing: Mailing) -> None:
    """Raise if the request's key could not send this mailing: then it may not touch it either."""
    try:
        sender = rules.sender(mailing)
    except NotReady:  # it is from nobody yet
        return
    sending.refuse_sender(request, sender)


def filtered(view: Any, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return rows by the view's filters, which are not those of the mailing that has them."""
    found: QuerySet[Any] = DjangoFilterBackend().filter_queryset(view.request, rows, view)
    return found


def _group(whose: Team | None, pk: UUID, field: str) -> Group:
    if found := groups.of(whose).filter(pk=pk).first():
        return found
    raise ValidationError({field: fail("invalid_value", "is no group of yours.").detail})


def _excluded(whose: Team | None, asked: list[UUID]) -> list[str]:
    known = set(groups.of(whose).filter(pk__in=asked).values_list("pk", flat=True))
    for number, pk in enumerate(asked):
        if pk not in known:
            raise ValidationError(
                {f"exclude[{number}]": fail("invalid_value", "is no group of yours.").detail}
            )
    return [str(pk) for pk in asked]


def _signature(whose: Team | None, asked: UUID | str) -> Signature | None:
    if not asked:
        return None
    if found := signatures.of(whose).filter(pk=asked).first():
        return found
    raise signatures.Unknown(f"There is no signature {str(asked)!a}.")


def _content(whose: Team | None, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what changes between a template and bodies."""
    if named := asked.get("template"):
        return {"template": _template(whose, named), **dict.fromkeys(BODIES, "")}
    has_bodies = any(asked.get(name) for name in BODIES)
    return {"template": None} if has_bodies or "template" in asked else {}


def _template(whose: Team | None, named: str) -> Template:
    if found := templates.find(whose, named):
        return found
    raise templates.Unknown(f"There is no template {named[:80]!a}.")
