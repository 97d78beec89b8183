"""The files of a team: gone before the rows that name them, so that a process killed in between finds them again."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from delivery.audience import files as uploads
from delivery.files import storage
from delivery.models import Attachment


class Held(Exception):
    """A request is about to use a file at this moment."""


def of_emails(team: int, pks: Sequence[Any], seen: set[str]) -> None:
    """Delete the files of these emails that no other team has sent; `seen`: those that were looked at. Raises Held."""
    named = Attachment.objects.filter(email__in=pks, pruned_at=None).exclude(sha256="")
    for sha256 in set(named.order_by().values_list("sha256", flat=True)) - seen:
        if not storage.erase(sha256, partial(_is_needed, team, sha256)):
            raise Held(Held.__doc__)
        seen.add(sha256)


def of_imports(team: int, pks: Sequence[Any], seen: set[str]) -> None:
    """Delete the files of these imports."""
    for pk in pks:
        uploads.delete(pk)


def _is_needed(team: int, sha256: str) -> bool:
    others = Attachment.objects.filter(sha256=sha256, pruned_at=None).exclude(email__team=team)
    return others.exists()
