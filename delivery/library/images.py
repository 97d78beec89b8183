"""Images of signatures: what may be one, put in and taken out one by one."""

import re
from collections.abc import Mapping
from typing import Final

from django.db import transaction

from delivery.access import audit
from delivery.content import filenames
from delivery.models import Signature, SignatureImage

MOST: Final = 10  # of a signature
MOST_BYTES: Final = 256 * 1024  # of all together: they go with each email
NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")  # by which its HTML calls it
TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BEGIN: Final[Mapping[str, re.Pattern[bytes]]] = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


class Refused(ValueError):
    """This is no image of a signature; the message says why."""


def of(signature: Signature) -> list[SignatureImage]:
    """Return the images of a signature, with their content."""
    return list(signature.images.order_by("id"))


def add(signature: Signature, *, name: str, filename: str, content: bytes) -> SignatureImage:
    """Put an image in; raise Refused."""
    with transaction.atomic():
        before = _locked(signature)
        _refuse(before, name, content)
        made = SignatureImage.objects.create(
            signature=signature,
            content_id=name,
            filename=filenames.clean(filename),
            content_type=kind(content),
            content=content,
        )
        _record(signature, before, [*before, made])
    return made


def remove(signature: Signature, pk: int) -> None:
    """Take an image out; one that is gone already changes nothing."""
    with transaction.atomic():
        before = _locked(signature)
        if signature.images.filter(pk=pk).delete()[0]:
            _record(signature, before, [each for each in before if each.pk != pk])


def kind(content: bytes) -> str:
    """Return the type of an image by its first bytes; raise Refused."""
    for name, begin in _BEGIN.items():
        if begin.match(content):
            return name
    raise Refused("This is no PNG, JPEG, GIF or WebP.")


def _refuse(known: list[SignatureImage], name: str, content: bytes) -> None:
    if not NAME.fullmatch(name):
        raise Refused("A name has letters, digits, dots and hyphens.")
    if name in {each.content_id for each in known}:
        raise Refused(f"There is an image called {name} already; take it out first.")
    if len(known) >= MOST or sum(len(each.content) for each in known) + len(content) > MOST_BYTES:
        raise Refused(f"A signature may have {MOST} images of {MOST_BYTES // 1024} KB together.")


def _locked(signature: Signature) -> list[SignatureImage]:
    """Return the images as nobody else changes them in this transaction."""
    Signature.objects.select_for_update(of=("self",)).get(pk=signature.pk)
    return of(signature)


def _record(signature: Signature, before: list[SignatureImage], after: list[SignatureImage]) -> None:
    was, now = ({"images": [each.content_id for each in images]} for images in (before, after))
    kind, pk = "signature", signature.pk
    audit.record("signature.changed", kind, pk, team=signature.team_id, before=was, after=now)
