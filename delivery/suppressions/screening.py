"""Screening: asked whenever an email is offered, which of its recipients must not get it."""

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from delivery.content import tombstones
from delivery.db import compiled
from delivery.db.compiled import Parameter
from delivery.models import Email, Suppression
from delivery.models.suppression import ALL, LIST, MARKETING

_EMPTY_FOR = 0.1  # seconds for which a process believes that there are no entries at all
_FILLED_FOR = 60.0  # seconds for which it believes that there are some
_AT_ONCE = 500  # addresses in one statement
Kind = Suppression.Kind


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What decides which entries keep an email from a recipient."""

    team_id: int | None
    purpose: str = Email.Purpose.TRANSACTIONAL
    unsubscribe: str = ""  # the scope of its unsubscribe link: marketing or list:<name>; empty: it has none


def kept_out(mail: Mail, addresses: Collection[str]) -> dict[str, Suppression]:
    """Return, by canonical address, the entry that keeps this mail from it; who may get it is absent."""
    return kept_out_each(mail.team_id, [(mail, addresses)])[0]


def kept_out_each(
    team_id: int | None, parts: Sequence[tuple[Mail, Collection[str]]]
) -> list[dict[str, Suppression]]:
    """Return the same for each of several mails of one team, and ask for all of them at once."""
    addresses = list(dict.fromkeys(address for _, several in parts for address in several))
    if not addresses or _emptiness.is_known():
        return [{} for _ in parts]
    erased = tombstones.of_each(addresses)  # an entry of an erased person is found by the same statement
    of: dict[str, list[Suppression]] = {}
    for entry in _entries(team_id, [*addresses, *erased]):
        of.setdefault(erased.get(entry.address, entry.address), []).append(entry)
    return [dict(_stopped(mail, several, of)) for mail, several in parts]


def forget() -> None:
    """Ask the database anew whether there are any entries: some were added, or may have been."""
    _emptiness.forget()


def _stopped(
    mail: Mail, addresses: Collection[str], of: Mapping[str, list[Suppression]]
) -> Iterator[tuple[str, Suppression]]:
    """Yield each address that the mail is kept from, with the first entry that does it."""
    for address in addresses:
        if first := next((entry for entry in of.get(address, ()) if _applies(entry, mail)), None):
            yield address, first


def _applies(entry: Suppression, mail: Mail) -> bool:
    if entry.scope == ALL:
        return entry.kind != Kind.COMPLAINT or mail.purpose != Email.Purpose.ESSENTIAL
    if entry.scope == MARKETING:
        return mail.purpose == Email.Purpose.MARKETING
    return entry.scope.startswith(LIST) and entry.scope == mail.unsubscribe


def _entries(team_id: int | None, addresses: Sequence[str]) -> Iterable[Suppression]:
    for start in range(0, len(addresses), _AT_ONCE):
        yield from _OF.run(addresses[start : start + _AT_ONCE], team=team_id)


def _of(several: compiled.Parameters) -> QuerySet[Suppression]:
    whose = Q(team=Parameter("team")) | Q(team=None)
    in_force = Q(expires_at=None) | Q(expires_at__gt=Now())
    return Suppression.objects.filter(whose, in_force, address__in=several).order_by("first_seen")


_OF = compiled.Select[Suppression]("address", _of)
_ANY = compiled.SelectColumns("pk", lambda _: Suppression.objects.order_by().values_list("pk")[:1])


class _Emptiness:
    """Whether there are no entries: most installations begin so, and then an offer asks nothing.

    It is believed for a tenth of a second, and not at all once this process has added an entry. That there are some is
    believed for longer: to be wrong about it costs a statement.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._empty_until = self._filled_until = 0.0  # by the monotonic clock
        self._version = 0

    def is_known(self) -> bool:
        """Tell whether there were no entries a moment ago."""
        now = time.monotonic()
        return now < self._empty_until or (now >= self._filled_until and self._looks_empty(now))

    def forget(self) -> None:
        """Believe it no longer."""
        with self._lock:
            self._version += 1
            self._empty_until = self._filled_until = 0.0

    def _looks_empty(self, now: float) -> bool:
        version = self._version
        if _ANY.run():
            self._filled_until = now + _FILLED_FOR
            return False
        with self._lock:
            if version == self._version:  # else one was added meanwhile
                self._empty_until = now + _EMPTY_FOR
        return True


_emptiness = _Emptiness()
