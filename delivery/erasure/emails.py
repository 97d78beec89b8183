"""The emails of a person that are at rest: address and names are replaced, subjects, bodies and files go.

Also where there were other recipients: the text speaks to this one.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from delivery.access import stored
from delivery.erasure import texts, waiting
from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.erasure.steps import Step
from delivery.models import Attachment, Attempt, Email, IdempotencyKey, ProviderEvent, Recipient, Tag

_AT_ONCE = 100


def steps(person: Person, reach: Reach) -> Iterator[Step]:
    """Yield what erases them; each step changes what the next one finds."""
    while some := _some(person, reach):
        yield partial(_erase, person, some)


def _some(person: Person, reach: Reach) -> list[UUID]:
    """Return some that bear the address, or whose content stayed for others when this recipient was left out."""
    left_out = Q(canonical__in=person.known_as[1:], email__body_pruned_at=None)
    rows = Recipient.objects.filter(Q(canonical=person.address) | left_out).filter(texts.settled("email"))
    return list(reach.keep(rows).order_by().values_list("email", flat=True).distinct()[:_AT_ONCE])


def _erase(person: Person, some: list[UUID]) -> Counter[str]:
    locked = Email.objects.filter(pk__in=some).order_by("pk").select_for_update()
    list(locked.values_list("pk"))
    pks = list(Email.objects.filter(texts.settled(), pk__in=some).values_list("pk", flat=True))
    stored.emails_go(Email.objects.filter(pk__in=pks))
    _content(person, Email.objects.filter(pk__in=pks))
    _files(person, Attachment.objects.filter(email__in=pks))
    waiting.put_away(person, Recipient.objects.filter(email__in=pks, canonical=person.address))
    for rows in (Email.objects.filter(pk__in=pks), *(model.objects.filter(email__in=pks) for model in _OF)):
        texts.scrub(rows, person)
    _keys(IdempotencyKey.objects.filter(email__in=pks))
    return Counter(emails=len(pks), events=_events(person, ProviderEvent.objects.filter(email__in=pks)))


_OF = (Recipient, Attempt, Tag, IdempotencyKey)


def _content(person: Person, emails: QuerySet[Email]) -> None:
    gone = Coalesce("body_pruned_at", Now())
    emails.update(subject="", text_body="", html_body="", body_pruned_at=gone)


def _files(person: Person, rows: QuerySet[Attachment]) -> None:
    """Give the files up; `files` deletes those that nobody else needs, by their hashes, which go then."""
    rows.update(pruned_at=Coalesce("pruned_at", Now()), filename=person.tombstone, content_id="")


def _events(person: Person, rows: QuerySet[ProviderEvent]) -> int:
    """What came raw names the person in many ways, also in events about other recipients of the same email."""
    rows.update(raw={})
    return texts.scrub(rows, person)


def _keys(rows: QuerySet[IdempotencyKey]) -> None:
    """A fingerprint is a hash without a key of a request that held the address."""
    for use in rows.only("fingerprint"):
        IdempotencyKey.objects.filter(pk=use.pk).update(fingerprint=texts.hashed(use.fingerprint))
