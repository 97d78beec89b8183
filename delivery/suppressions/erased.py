"""Who was erased: what is told of such a person later is kept under the tombstone, without the address."""

import threading
import time
from collections.abc import Collection, Mapping

from django.db.models import Q

from delivery.content import tombstones
from delivery.models import Erasure

_NOBODY_FOR = (
    0.1  # seconds for which a process believes that nobody was erased; an erasure begins after twice as long
)


class _Nobody:
    """Whether nobody was ever erased: most installations begin so, and then nothing is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.known_until = 0.0  # by the monotonic clock
        self.some = False

    def is_known(self) -> bool:
        with self._lock:
            if not self.some and time.monotonic() >= self.known_until:
                begun = time.monotonic()
                self.some = Erasure.objects.order_by().exists()
                self.known_until = begun + _NOBODY_FOR
            return not self.some

    def forget(self) -> None:
        with self._lock:
            self.known_until, self.some = 0.0, False


_nobody = _Nobody()


def forget() -> None:
    """Ask the database anew whether anybody was erased."""
    _nobody.forget()


def names(several: Collection[str], team_id: int | None, *, of_team: bool = True) -> Mapping[str, str]:
    """Return the tombstone of each of these canonical addresses whose person was erased, for this team or for all.

    `of_team=False`: by the operator alone, where nobody knows whose it is.
    """
    if not several or _nobody.is_known():
        return {}
    of = tombstones.of_each(several)
    whose = Q(everywhere=True) | (Q(team=team_id) if of_team else Q(pk=None))
    found = Erasure.objects.filter(whose, digest__in=list(of)).order_by("pk").values_list("digest", flat=True)
    return {of[digest]: digest for digest in found}
