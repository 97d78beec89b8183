"""Who was erased: a file does not bring them back, and what is said of their rows does not name them."""

from collections.abc import Collection
from typing import Final

from django.db.models import Q

from delivery.content import tombstones
from delivery.models import Erasure

_AT_ONCE: Final = 1000  # tombstones of one statement


def among(keys: Collection[str], team_id: int | None) -> dict[str, str]:
    """Return the tombstone of each of these addresses whose person was erased, for this team or for all."""
    if not Erasure.objects.order_by().exists():
        return {}
    of = tombstones.of_each(keys)
    digests, found = list(of), {}
    for start in range(0, len(digests), _AT_ONCE):
        rows = Erasure.objects.filter(
            Q(everywhere=True) | Q(team=team_id), digest__in=digests[start : start + _AT_ONCE]
        )
        found.update({of[digest]: digest for digest in rows.values_list("digest", flat=True)})
    return found
