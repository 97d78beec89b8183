"""Which of a team's emails a client means, and which of them its key may change."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from delivery.access.scopes import Scope
from delivery.db import ids
from delivery.models import ApiKey, Email, Tag
from delivery.search import query, senders

_TICK: Final = timedelta(milliseconds=1)  # of the time in an id
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)  # the earliest time of an id


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which emails; each field that is given narrows it."""

    status: tuple[str, ...] = ()  # any of them
    key: str = ""  # public id
    tag: str = ""
    sender: str = ""  # an address or a @domain, in lower case
    recipient: str = ""  # a whole address
    created_after: datetime | None = None  # inclusive
    created_before: datetime | None = None  # exclusive

    def is_empty(self) -> bool:
        """Tell whether nothing was given."""
        return self == Wanted()

    def told(self) -> dict[str, Any]:
        """Return what was given, for the audit."""
        return {name: value for name, value in asdict(self).items() if value}


def among(emails: QuerySet[Email], wanted: Wanted) -> QuerySet[Email]:
    """Keep the emails that match."""
    if wanted.status:
        emails = emails.filter(status__in=wanted.status)
    if wanted.key:
        emails = _with_key(emails, wanted.key)
    if wanted.tag:
        emails = emails.filter(pk__in=Tag.objects.filter(name=wanted.tag).values("email"))
    if wanted.sender:
        emails = _sent_from(emails, wanted.sender)
    if wanted.recipient:
        emails = query.by_recipient(emails, wanted.recipient)
    return _created(emails, wanted.created_after, wanted.created_before)


def _created(emails: QuerySet[Email], after: datetime | None, before: datetime | None) -> QuerySet[Email]:
    """Keep those of a span of time: its bounds are met in the ids, which are indexed, and told apart by the time."""
    if after:
        emails = emails.filter(pk__gte=_bound(after), created_at__gte=after)
    if before:
        emails = emails.filter(pk__lt=_bound(before + _TICK), created_at__lt=before)
    return emails


def _bound(moment: datetime) -> UUID:
    return ids.floor(max(moment, _BEGINNING))


def that_may_be_changed_by(key: ApiKey | None, emails: QuerySet[Email]) -> QuerySet[Email]:
    """Keep the emails that this key could have sent: it may not change others."""
    if key is None:
        return emails
    if key.from_addresses:
        allowed = Q()
        for rule in key.from_addresses:
            allowed |= _from(rule)
        emails = emails.filter(allowed)
    if not key.may(Scope.ESSENTIAL_SEND):
        emails = emails.exclude(purpose=Email.Purpose.ESSENTIAL)
    return emails


def that_may_be_sent_by(key: ApiKey | None, emails: QuerySet[Email]) -> QuerySet[Email]:
    """Keep the emails that this key could send now, in the lane that they have."""
    mine = that_may_be_changed_by(key, emails)
    if key is None or key.may(Scope.PRIORITY_HIGH):
        return mine
    return mine.exclude(priority=Email.Priority.HIGH)


def _with_key(emails: QuerySet[Email], public_id: str) -> QuerySet[Email]:
    """Keep what was sent with a key, which is looked up before: of one that nobody has there is nothing to look for."""
    key = ApiKey.objects.filter(public_id=public_id).values_list("pk", flat=True).first()
    return emails.filter(key=key) if key else emails.none()


def _sent_from(emails: QuerySet[Email], sender: str) -> QuerySet[Email]:
    of_domain = sender.startswith("@")
    return senders.at(emails, sender[1:]) if of_domain else senders.sent_from(emails, sender)


def _from(rule: str) -> Q:
    return Q(from_address__iendswith=rule) if rule.startswith("@") else Q(from_address__iexact=rule)
