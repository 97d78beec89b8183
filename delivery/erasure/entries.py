"""What is kept by the address itself: a suppression and an unsubscribe link stay, under the tombstone."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.erasure.steps import Step
from delivery.models import SoftBounce, Suppression, UnsubscribeLink
from delivery.suppressions import screening, upsert


def steps(person: Person, reach: Reach) -> Iterator[Step]:
    """Yield what changes them."""
    yield partial(_change, person, reach)


def _change(person: Person, reach: Reach) -> Counter[str]:
    links: QuerySet[UnsubscribeLink] = UnsubscribeLink.objects.filter(reach.query(), address=person.address)
    bounces: QuerySet[SoftBounce] = SoftBounce.objects.filter(reach.query(), address=person.address)
    kept = list(Suppression.objects.filter(reach.query(), address=person.address).select_for_update())
    _keep(person, kept)
    return Counter(
        suppressions=len(kept),
        unsubscribe_links=links.update(address=person.tombstone),
        soft_bounces=bounces.delete()[0],
    )


def _keep(person: Person, entries: list[Suppression]) -> None:
    """Let them go on under the tombstone, each under its id; one that is there already counts them."""
    Suppression.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
    for entry in entries:
        entry.address, entry.reason = person.tombstone, person.hidden(entry.reason)
    upsert.run(entries)
    transaction.on_commit(screening.forget)
