"""The files of erased emails: each is deleted unless another email has it, and then its hash goes.

Killed in between, the next run finds the hash. A file that somebody is about to send again waits.
"""

from collections.abc import Iterator
from functools import partial

from django.db.models import QuerySet

from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.files import storage
from delivery.models import Attachment, Recipient

_AT_ONCE = 500


def delete(person: Person, reach: Reach) -> Iterator[int]:
    """Yield for each file whether it was deleted, 0 or 1, beside what has to wait."""
    for sha256 in _given_up(person, reach):
        if storage.erase(sha256, partial(_is_needed, sha256)):
            yield int(not _is_needed(sha256))
            _rows(person, reach).filter(sha256=sha256).update(sha256="")


def waiting(person: Person, reach: Reach) -> int:
    """Return how many rows still name a file."""
    return _rows(person, reach).count()


def _given_up(person: Person, reach: Reach) -> Iterator[str]:
    last = ""
    while some := list(_hashes(person, reach, last)):
        yield from some
        last = some[-1]


def _hashes(person: Person, reach: Reach, after: str) -> Iterator[str]:
    rows = _rows(person, reach).filter(sha256__gt=after).order_by("sha256")
    yield from rows.values_list("sha256", flat=True).distinct()[:_AT_ONCE]


def _rows(person: Person, reach: Reach) -> QuerySet[Attachment]:
    erased = Recipient.objects.filter(canonical__in=person.known_as[1:]).values("email")
    rows = Attachment.objects.filter(email__in=erased, pruned_at__isnull=False).exclude(sha256="")
    return reach.keep(rows).order_by()


def _is_needed(sha256: str) -> bool:
    return Attachment.objects.filter(sha256=sha256, pruned_at=None).exists()
