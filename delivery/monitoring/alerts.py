"""Alerts: people are told of incidents, by the rows that say what is due. One process at a time calls `tell_due`.

A message is claimed, told, and recorded. A process that dies in between leaves a claim that ends: people are told once
more, and never not at all.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from delivery.db import clock, ids
from delivery.db.text import storable
from delivery.models import Alert, Incident, Lookout
from delivery.monitoring import incidents, messages, telling
from delivery.monitoring.messages import Message, News
from providers import failpoints

MOST: Final = 20  # single messages an hour
_AN_HOUR: Final = timedelta(hours=1)
_BETWEEN_DIGESTS: Final = timedelta(minutes=10)
_LEASE: Final = timedelta(seconds=45)  # longer than a message takes
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=5)  # after telling in vain
_STALE: Final = timedelta(days=1)  # since it was over: then it is no news
_MOST_ROWS: Final = 500  # looked at together
_MOST_TRIES: Final = 5  # that make the wait longer
_Word = Alert.Word
GoingOn = Callable[[], bool]
log = logging.getLogger(__name__)


def tell_due(going_on: GoingOn) -> None:
    """Tell what is due while it goes on: one by one, and together what would be more than 20 messages an hour."""
    if not settings.ALERT_SECRETS:
        return
    news = list(_news(due()[:_MOST_ROWS]))
    room = max(MOST - _told_lately(), 0)
    for one in news[:room]:
        if not going_on():
            return
        _tell([one], messages.one(one, clock.now()))
    if news[room:] and going_on() and _take_digest() and not _tell(news[room:], messages.digest(news[room:])):
        Lookout.objects.update(digest_at=None)


def due() -> QuerySet[Incident]:
    """Return the incidents of which people are to be told now, longest due first."""
    latest = Now() + incidents.REMIND_NEXT + _AN_HOUR  # later: the clock was set back since
    free = Q(lease_until=None) | Q(lease_until__lte=Now()) | Q(lease_until__gt=Now() + _LEASE)
    return Incident.objects.filter(free, Q(tell_at__lte=Now()) | Q(tell_at__gt=latest)).order_by("tell_at")


def _news(rows: Iterable[Incident]) -> Iterable[News]:
    """Yield what is to be told; of what came and went meanwhile nothing is."""
    for incident in rows:
        if word := _word(incident):
            yield News(incident=incident, word=word)
        else:
            _unchanged(incident).update(tell_at=None)


def _word(incident: Incident) -> Alert.Word | None:
    knows = incident.told == Incident.Word.OPENED
    if incident.closed_at is None:
        return _Word.REMINDED if knows else _Word.OPENED
    if knows:
        return _Word.ENDED
    was_due = incident.tries or (incident.tell_at and incident.closed_at >= incident.tell_at)
    return _Word.PASSED if was_due and clock.now() - incident.closed_at < _STALE else None


def _tell(several: Sequence[News], message: Message) -> bool:
    """Claim the rows, tell, and record it; what another process has claimed is its. Tell whether anybody was told."""
    mine = [news for news in several if _claim(news.incident)]
    if not mine:
        return False
    failpoints.reach("before-alert")
    result = telling.tell(message)
    failpoints.reach("after-alert")
    with transaction.atomic():
        if result.told:
            _record(mine, message)
        for news in mine:
            _settle(news, result)
    for way in result.failed:
        log.warning("People could not be told by %s: %s", way, message.title)
    return bool(result.told)


def _claim(incident: Incident) -> bool:
    return bool(_unchanged(incident).update(lease_until=Now() + _LEASE))


def _record(several: Sequence[News], message: Message) -> None:
    if message.word == _Word.DIGEST:
        Alert.objects.create(word=message.word)
    else:
        Alert.objects.create(word=message.word, incident=several[0].incident)


def _settle(news: News, result: telling.Result) -> None:
    """Note what people know now, and when they are told next; what has changed meanwhile is looked at at once."""
    row = Incident.objects.filter(pk=news.incident.pk)
    common = {"lease_until": None, "not_told": storable("; ".join(result.failed))}
    if not result.told:
        row.update(**common, tries=F("tries") + 1, tell_at=clock.now() + _wait(news.incident.tries))
        return
    known = _known(news)
    row.update(**common, **known, tries=0)
    if not row.filter(closed_at=news.incident.closed_at).update(tell_at=_next(news)):
        row.update(tell_at=Now())


def _known(news: News) -> dict[str, Any]:
    if news.word in (_Word.ENDED, _Word.PASSED):
        return {"told": Incident.Word.ENDED, "told_at": Now(), "reminders": 0}
    again = news.word == _Word.REMINDED
    return {"told": Incident.Word.OPENED, "told_at": Now(), "reminders": F("reminders") + 1 if again else 0}


def _next(news: News) -> Any:
    """Return when people are told next of an incident that has not changed since."""
    incident = news.incident
    if incident.closed_at:
        return None
    incident.reminders = incident.reminders + 1 if news.word == _Word.REMINDED else 0
    acknowledged = Incident.objects.filter(pk=incident.pk, acknowledged_at__isnull=False).exists()
    return None if acknowledged else incidents.reminded_at(incident, clock.now())


def _wait(tries: int) -> timedelta:
    return min(_FIRST_WAIT * int(3 ** min(tries, _MOST_TRIES)), _LONGEST_WAIT)


def _told_lately() -> int:
    since = ids.floor(clock.now() - _AN_HOUR)
    return Alert.objects.exclude(word=_Word.DIGEST).filter(id__gte=since).count()


def _take_digest() -> bool:
    """Take the turn of a digest, if it is due."""
    now = Now()
    old = Q(digest_at=None) | Q(digest_at__lte=now - _BETWEEN_DIGESTS) | Q(digest_at__gt=now)
    return bool(Lookout.objects.filter(old).update(digest_at=now))


def _unchanged(incident: Incident) -> QuerySet[Incident]:
    """Return a queryset of this row that is empty once something else is to be told of it, or somebody tells."""
    return (
        due()
        .order_by()
        .filter(pk=incident.pk, closed_at=incident.closed_at, told=incident.told, tell_at=incident.tell_at)
    )
