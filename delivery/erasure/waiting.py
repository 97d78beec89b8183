"""What waits for a person: an email to nobody else is cancelled, another one goes without this recipient."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.erasure.steps import Step
from delivery.models import Email, Recipient
from delivery.sending import suppressed
from delivery.submission import cancelling

_BEFORE: Final = " An attempt before may have reached it."
_AT_ONCE = 100
_Status = Recipient.Status


def steps(person: Person, reach: Reach) -> Iterator[Step]:
    """Yield what ends it; each step changes what the next one finds."""
    while some := _some(person, reach):
        yield partial(_take_out, person, some)


def under_way(person: Person, reach: Reach) -> int:
    """Return how many emails of this person are not finished, whose content others are still to get, or who get now."""
    known = Recipient.objects.filter(canonical__in=person.known_as).values("email")
    unfinished = (*_WAITING, Email.Status.SENDING)
    found = reach.keep(Email.objects.filter(pk__in=known, status__in=unfinished, body_pruned_at=None))
    return found.exclude(status=Email.Status.UNKNOWN, due_at=None).count()


_WAITING = (Email.Status.SCHEDULED, Email.Status.QUEUED, Email.Status.UNKNOWN)


def _some(person: Person, reach: Reach) -> list[UUID]:
    to_person = Recipient.objects.filter(canonical=person.address).values("email")
    rows = reach.keep(Email.objects.waiting().filter(pk__in=to_person)).order_by()
    return list(rows.values_list("pk", flat=True)[:_AT_ONCE])


def _take_out(person: Person, some: list[UUID]) -> Counter[str]:
    locked = Email.objects.filter(pk__in=some).order_by("pk").select_for_update()
    list(locked.values_list("pk"))
    waiting = Email.objects.waiting().filter(pk__in=some)
    others = Recipient.objects.filter(email=OuterRef("pk")).exclude(canonical=person.address)
    shared = list(waiting.filter(Exists(others)).values_list("pk", flat=True))
    cancelled = cancelling.cancel_all(waiting.exclude(pk__in=shared))
    return Counter(cancelled=cancelled, left_out=_leave_out(person, shared))


def _leave_out(person: Person, emails: list[UUID]) -> int:
    rows: QuerySet[Recipient] = Recipient.objects.filter(email__in=emails, canonical=person.address)
    rows.filter(status=_Status.PENDING).update(status=_Status.SUPPRESSED, reason=suppressed.ERASED)
    rows.filter(status=_Status.UNKNOWN).update(status=_Status.SUPPRESSED, reason=suppressed.ERASED + _BEFORE)
    return put_away(person, rows)


def put_away(person: Person, rows: QuerySet[Recipient]) -> int:
    """Replace address and name of these recipients."""
    rows.exclude(name="").update(name=person.tombstone)
    return rows.update(address=person.tombstone, canonical=person.tombstone)
