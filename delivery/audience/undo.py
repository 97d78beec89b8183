"""Undoing an import: contacts that it made and nobody has used since go, and so do the memberships that it added."""

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, ManyToOneRel, OuterRef, Q, QuerySet

from delivery.db import ids
from delivery.models import Contact, Import, Membership

_AT_ONCE: Final = 2000


def run(imported: Import) -> None:
    """Delete them, the oldest first, in transactions of 2,000; may be killed, and run again."""
    last = ids.floor(imported.created_at)
    while some := list(_made(imported, last)[:_AT_ONCE]):
        last = some[-1]
        with transaction.atomic():
            _unused(imported, some).only("pk").delete()
    if imported.group_id:
        _leave(imported)


def _made(imported: Import, after: UUID) -> QuerySet[Contact, UUID]:
    made = Contact.objects.filter(team=imported.team_id, pk__gt=after)
    made = made.filter(created_by_import=imported.pk, last_import=imported.pk)
    return made.order_by("pk").values_list("pk", flat=True)


def _unused(imported: Import, some: list[UUID]) -> QuerySet[Contact]:
    """Keep those that are in no other group, and that nothing else of the database names."""
    here = {"group": imported.group_id, "by": _by(imported), "status": Membership.Status.SUBSCRIBED}
    elsewhere = Membership.objects.filter(contact=OuterRef("pk")).exclude(**here)
    unused = Contact.objects.filter(~Exists(elsewhere), pk__in=some, last_import=imported.pk)
    for relation in Contact._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.related_model is not Membership:
            named: Any = relation.related_model
            unused = unused.filter(~Exists(named.objects.filter(**{relation.field.name: OuterRef("pk")})))
    return unused


def _leave(imported: Import) -> None:
    """Take those out of the group that were contacts before."""
    added = Membership.objects.filter(
        Q(status=Membership.Status.SUBSCRIBED), group=imported.group_id, by=_by(imported)
    )
    while some := list(added.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            added.filter(pk__in=some).delete()


def _by(imported: Import) -> str:
    return f"import:{imported.pk}"
