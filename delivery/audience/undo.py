"""Undoing an import: contacts that it made and nobody has used since go, and so do the memberships that it added.

A contact that several files had stays until all of them are undone, and goes with the last. It knows the first and the
last of them; one between may have had it, and counts as if it had.
"""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, ManyToOneRel, OuterRef, Q, QuerySet

from delivery.db import ids
from delivery.models import Contact, Import, Membership

_AT_ONCE: Final = 2000
_TRIES: Final = 10
_Status = Import.Status
_HAS_WRITTEN: Final = (_Status.RUNNING, _Status.PAUSED, *(set(Import.OVER) - {_Status.UNDONE}))
Shared = tuple[UUID, UUID]  # the imports that made a contact, and had it last


def run(imported: Import) -> None:
    """Delete them, the oldest first, in transactions of 2,000; may be killed, and run again."""
    _delete(imported, (imported.pk, imported.pk), imported)
    finish(imported)


def finish(imported: Import) -> None:
    """Do what other imports have a part in; once more when it is undone: one of those may have been meanwhile.

    Whoever leaves last finds nobody else in the group.
    """
    if imported.group_id:
        _hand_over(imported)
        _leave(imported)
    for shared in _shared(imported):
        _delete(imported, shared, Import.objects.get(pk=shared[0]))


def _delete(imported: Import, of: Shared, maker: Import) -> None:
    last = ids.floor(maker.created_at)
    while some := list(_made(imported, of, last)[:_AT_ONCE]):
        _delete_some(imported, of, some)
        last = some[-1]


def _delete_some(imported: Import, of: Shared, some: list[UUID], tries: int = _TRIES) -> None:
    """Delete those of them that are unused; again where a mailing has written one of them down at this moment."""
    try:
        with transaction.atomic():
            _hold(some)
            _delete_rows(list(_unused(imported, of, some).values_list("pk", flat=True)))
    except IntegrityError:
        if tries == 1:
            raise
        _delete_some(imported, of, some, tries - 1)


def _delete_rows(some: list[UUID]) -> None:
    """Delete them with their memberships; nothing else points to them."""
    for rows in (Membership.objects.filter(contact__in=some), Contact.objects.filter(pk__in=some)):
        rows.order_by()._raw_delete(rows.db)


def _made(imported: Import, of: Shared, after: UUID) -> QuerySet[Contact, UUID]:
    made = Contact.objects.filter(team=imported.team_id, pk__gt=after)
    made = made.filter(created_by_import=of[0], last_import=of[1])
    return made.order_by("pk").values_list("pk", flat=True)


def _hold(some: list[UUID]) -> None:
    """Lock them in the order in which imports do, before what points to them; SQLite has one writer at a time."""
    if connection.features.has_select_for_update:
        rows = Contact.objects.select_for_update().filter(pk__in=some)
        list(rows.order_by("email_key").values_list("pk"))


def _unused(imported: Import, of: Shared, some: list[UUID]) -> QuerySet[Contact]:
    """Keep those that are in no other group, and that nothing else of the database names."""
    here = {"group": imported.group_id, "by": _by(imported.pk), "status": Membership.Status.SUBSCRIBED}
    elsewhere = Membership.objects.filter(contact=OuterRef("pk")).exclude(**here)
    unused = Contact.objects.filter(~Exists(elsewhere), pk__in=some, last_import=of[1])
    for relation in Contact._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.related_model is not Membership:
            named: Any = relation.related_model
            unused = unused.filter(~Exists(named.objects.filter(**{relation.field.name: OuterRef("pk")})))
    return unused


def _shared(imported: Import) -> Iterator[Shared]:
    """Yield between which imports a contact was made and had last, of which this one is the last to be undone."""
    mine = Import.objects.filter(team=imported.team_id).order_by().only("created_at", "finished_at")
    undone = {each.pk: each for each in mine.filter(status=_Status.UNDONE)}
    if not undone:
        return
    undone[imported.pk] = imported
    made = Contact.objects.filter(team=imported.team_id, created_by_import__in=list(undone)).order_by()
    others = list(mine.filter(status__in=_HAS_WRITTEN).exclude(pk=imported.pk))
    pairs: Any = set(made.values_list("created_by_import", "last_import").distinct())
    for maker, last in pairs:
        if maker != last and last in undone:
            between = _Between(undone[maker], undone[last])
            if between.may_have(imported) and not any(map(between.may_have, others)):
                yield maker, last


class _Between:
    """The time from the import that made a contact to the end of the one that had it last."""

    def __init__(self, maker: Import, last: Import) -> None:
        self._ends = (maker.pk, last.pk)
        self._since, self._until = maker.created_at, last.finished_at

    def may_have(self, other: Import) -> bool:
        """Tell whether an import may have had the contact as well."""
        begun = self._until is None or other.created_at < self._until
        return other.pk in self._ends or (
            begun and (other.finished_at is None or other.finished_at > self._since)
        )


def _hand_over(imported: Import) -> None:
    """Let those whom a later file brought into the group as well stay in it, as if that one had added them."""
    added = _added(imported)
    later = Import.objects.filter(group=imported.group_id, status__in=_HAS_WRITTEN).exclude(pk=imported.pk)
    named = added.filter(contact__last_import__in=later.order_by().values("pk"))
    others: Any = set(named.order_by().values_list("contact__last_import", flat=True).distinct())
    for other in others:
        _give(added.filter(contact__last_import=other), later.order_by().filter(pk=other))


def _give(added: QuerySet[Membership], to: QuerySet[Import]) -> None:
    """Let these be of an import that is not undone; whoever undoes it waits, and finds them."""
    last = 0
    while some := list(added.filter(pk__gt=last).order_by("pk").values_list("pk", "contact")[:_AT_ONCE]):
        last = some[-1][0]
        with transaction.atomic():
            for other in to.select_for_update():
                _hold([contact for _, contact in some])
                added.filter(pk__in=[pk for pk, _ in some]).update(by=_by(other.pk))


def _leave(imported: Import) -> None:
    """Take those out of the group that were contacts before."""
    added = _added(imported)
    while some := list(added.order_by("pk").values_list("contact", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            _hold(some)
            added.filter(contact__in=some).delete()


def _added(imported: Import) -> QuerySet[Membership]:
    subscribed = Q(status=Membership.Status.SUBSCRIBED)
    return Membership.objects.filter(subscribed, group=imported.group_id, by=_by(imported.pk))


def _by(pk: UUID | None) -> str:
    return f"import:{pk}"
