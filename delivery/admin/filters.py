"""The filters of the log; each uses an index."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from delivery.admin import base
from delivery.db import ids
from delivery.models import Email
from delivery.routing import configured

_DAY = timedelta(days=1)
_FIRST, _LAST = date(1970, 1, 2), date(9999, 12, 30)


class ProviderFilter(base.Filter):  # type: ignore[misc]
    """Filter by accepting provider; offers the configured ones, since finding all past ones would read the log."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the configured names and the sandbox."""
        names = [word.partition("=")[0].strip() for word in settings.GOMAIL_PROVIDERS]
        return [(name, name) for name in dict.fromkeys([*names, *configured.SANDBOX])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails that the provider accepted."""
        names = dict(self.lookup_choices)
        return queryset.filter(provider=self.value()) if self.value() in names else queryset


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
