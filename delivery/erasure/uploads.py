"""Files of contacts that are not read to their end: they may bring the person in anew, so they are waited for."""

from collections.abc import Iterator
from typing import Final

from django.core.files.storage import Storage

from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.files import storage
from delivery.models import Import

_PIECE: Final = 1024 * 1024
_LONGEST: Final = 2048  # bytes of an address in any encoding
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be")


def holding(person: Person, far: Reach) -> int:
    """Return how many imports are not over whose file has the address."""
    unfinished = far.keep(Import.objects.exclude(status__in=Import.OVER)).values_list("pk", flat=True)
    kept, needles = storage.attachments(), _needles(person)
    return sum(_has(kept, f"imports/{pk.hex}", needles) for pk in unfinished)


def _has(kept: Storage, name: str, needles: list[bytes]) -> bool:
    try:
        return any(needle in piece for piece in _pieces(kept, name) for needle in needles)
    except FileNotFoundError:  # it is over by now
        return False


def _pieces(kept: Storage, name: str) -> Iterator[bytes]:
    """Yield the file in lower case, each piece with the end of the one before."""
    before = b""
    with kept.open(name) as file:
        while piece := file.read(_PIECE):
            yield before + piece.lower()
            before = piece[-_LONGEST:].lower()


def _needles(person: Person) -> list[bytes]:
    return [text.encode(encoding) for text in person.spellings for encoding in _ENCODINGS]
