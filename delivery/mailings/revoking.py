"""Revoking a key together with its mailings: also those of which there are no emails yet."""

from contextlib import suppress
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from delivery.mailings import states
from delivery.models import ApiKey, Mailing
from delivery.submission import cancelling


class Waited(NamedTuple):
    """How much waited of a key."""

    emails: int
    mailings: int


def mailings(key: ApiKey) -> QuerySet[Mailing]:
    """Return the mailings that this key started and that are not over."""
    return Mailing.objects.filter(key=key, state__in=Mailing.UNCHANGED).order_by("id")


def revoke(key: ApiKey, *, cancel: bool) -> Waited:
    """Revoke a key; cancel what waits of it, or let it be sent. Returns what waited.

    What ends between the key and its mailings leaves none that is sent: a worker that takes one cancels it.
    """
    found = list(mailings(key))
    emails = cancelling.revoke(key, cancel=cancel)
    for mailing in found if cancel else ():
        with suppress(states.WrongState), transaction.atomic():
            states.cancel(mailing)
    return Waited(emails, len(found))
