"""The filters of the log; each uses an index."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from delivery.access.scopes import Scope
from delivery.admin import base, permissions
from delivery.db import clock, ids
from delivery.models import ApiKey, Attempt, Email
from delivery.monitoring import causes
from delivery.routing import configured
from delivery.search import query, senders

_DAY = timedelta(days=1)
_MOST_CHOICES, _NEWEST = 200, 1000
_FIRST, _LAST = date(1970, 1, 2), date(9999, 12, 30)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span of time up to now."""

    length: timedelta
    words: str
    bars: int  # of a chart


SPANS: Final = {
    "1h": Span(length=timedelta(hours=1), words="1 hour", bars=12),
    "24h": Span(length=timedelta(hours=24), words="24 hours", bars=24),
    "7d": Span(length=timedelta(days=7), words="7 days", bars=28),
    "30d": Span(length=timedelta(days=30), words="30 days", bars=30),
}
ERRORS: Final = {  # the kinds of providers.errors
    "unavailable": "unavailable: not reached, or it failed itself",
    "throttled": "throttled: it asked to slow down",
    "account_problem": "account: credentials, quota, suspension",
    "sender_refused": "sender refused",
    "cannot_carry": "cannot carry: too large, a file type, too many recipients",
    "unreadable": "a file could not be read",
    "exhausted": "this machine had no room left",
    "refused": "refused: its content",
    "recipients_refused": "recipients refused",
    "not_accepted": "not accepted for another reason",
    "unknown": "unknown: it may have been sent",
}


def _providers() -> list[tuple[str, str]]:
    names = [word.partition("=")[0].strip() for word in settings.GOMAIL_PROVIDERS]
    return [(name, name) for name in dict.fromkeys([*names, *configured.SANDBOX])]


class ProviderFilter(base.Filter):  # type: ignore[misc]
    """Filter by accepting provider; offers the configured ones, since finding all past ones would read the log."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the configured names and the sandbox."""
        return _providers()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails that the provider accepted."""
        names = dict(self.lookup_choices)
        return queryset.filter(provider=self.value()) if self.value() in names else queryset


class TriedFilter(base.Filter):  # type: ignore[misc]
    """Filter by a provider that was offered the email, whoever accepted it in the end."""

    title = "provider that was tried"
    parameter_name = "tried"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the configured names and the sandbox."""
        return _providers()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails with an attempt at the provider."""
        if self.value() not in dict(self.lookup_choices):
            return queryset
        return query.tried(queryset, Attempt.objects.filter(provider=self.value()))


class ErrorFilter(base.Filter):  # type: ignore[misc]
    """Filter by the class of error with which an attempt ended."""

    title = "class of error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer all classes that there are."""
        return list(ERRORS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails with such an attempt."""
        value = self.value()
        return query.tried(queryset, query.with_error(value)) if value in ERRORS else queryset


class KeyFilter(base.Filter):  # type: ignore[misc]
    """Filter by the API key that the email was sent with; offers those that the person sees."""

    title = "API key"
    parameter_name = "key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the newest."""
        keys = permissions.visible(request, ApiKey.objects.order_by("-pk"), model_admin.read_scope)
        return [(key.public_id, f"{key.name or 'no name'} ({key.public_id})") for key in keys[:_MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep what was sent with it; a key that is not offered has sent nothing."""
        if not self.value():
            return queryset
        key = ApiKey.objects.filter(public_id=self.value()).values_list("pk", flat=True).first()
        return queryset.filter(key=key) if key else queryset.none()


class SenderFilter(base.Filter):  # type: ignore[misc]
    """Filter by the sender; offers those of the newest emails. `from:` in the search finds any."""

    title = "sender"
    parameter_name = "sender"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer them in alphabetical order."""
        mine = permissions.visible(request, Email.objects.all(), model_admin.read_scope)
        newest = mine.order_by("-id").values_list("from_address", flat=True)[:_NEWEST]
        known = {address.lower() for address in newest} | ({self.value().lower()} if self.value() else set())
        return [(address, address) for address in sorted(known)[:_MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep what it has sent."""
        return senders.sent_from(queryset, self.value()) if self.value() else queryset


class AgeFilter(base.Filter):  # type: ignore[misc]
    """Filter by how long ago emails were accepted, as the dashboard counts them."""

    title = "age"
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the spans of the dashboard."""
        return [(word, f"the last {span.words}") for word, span in SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails of this span."""
        span = SPANS.get(str(self.value()))
        return queryset.filter(id__gte=ids.floor(clock.now() - span.length)) if span else queryset


class CauseFilter(base.Filter):  # type: ignore[misc]
    """Filter by the cause of a trouble; the dashboard links to it."""

    title = "cause"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the one that is asked for."""
        return [(str(self.value()), "the one on the dashboard")] if self.value() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails that the dashboard has counted."""
        if not self.value():
            return queryset
        mine = permissions.visible(request, Email.objects.all(), Scope.EMAILS_READ)
        return queryset.filter(pk__in=causes.emails_of(mine, str(self.value())))


class DoubtFilter(base.Filter):  # type: ignore[misc]
    """Filter for possible duplicates, or for unknown emails that wait for a person."""

    title = "doubt"
    parameter_name = "doubt"
    DUPLICATE, WAITING = "duplicate", "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both choices."""
        return [(self.DUPLICATE, "may be a duplicate"), (self.WAITING, "unknown, waits for a person")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the chosen emails; other values are ignored."""
        if self.value() == self.DUPLICATE:
            return queryset.filter(possible_duplicate=True)
        if self.value() == self.WAITING:
            return queryset.filter(status=Email.Status.UNKNOWN, due_at=None)
        return queryset


class AcceptedFilter(base.DateFilter):  # type: ignore[misc]
    """Filter by the days on which emails were accepted, inclusive; it compares ids, which contain the time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set the title."""
        super().__init__(*args, **kwargs)
        self.title = "date"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails of these days; invalid dates are ignored."""
        first, last = self._day("from"), self._day("to")
        if first:
            queryset = queryset.filter(id__gte=midnight(first))
        return queryset.filter(id__lt=midnight(last + _DAY)) if last else queryset

    def _day(self, end: str) -> date | None:
        try:
            day = parse_date(str(self.used_parameters.get(f"{self.parameter_name}_{end}", "")))
        except ValueError:
            return None
        return min(max(day, _FIRST), _LAST) if day else None


def midnight(day: date) -> UUID:
    """Return the smallest possible id of a day in the admin's time zone."""
    return ids.floor(datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone()).astimezone(UTC))
