"""Claims of due emails, for many threads at once."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import prefetch_related_objects

from delivery.groups import Group
from delivery.models import Email


def take(pk: UUID) -> Email | None:
    """Take a due email for this process with all that belongs to it, or return None when it is not to be had."""
    return _taken.ask(pk)


def _take(pks: Sequence[UUID]) -> list[Email | None]:
    claimed = [Email.claim(pks[0])] if len(pks) == 1 else Email.claim_all(pks)
    mine = {email.pk: email for email in claimed if email}
    prefetch_related_objects(list(mine.values()), "recipients", "attachments")
    return [mine.pop(pk, None) for pk in pks]  # the same one may have been given out twice


_taken = Group(_take)
