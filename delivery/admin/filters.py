"""The filters of the log, each answered from an index."""

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
    """The provider that accepted the email: one of those configured, not a search for all there ever were."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the configured names and the sandbox."""
        names = [word.partition("=")[0].strip() for word in settings.GOMAIL_PROVIDERS]
        return [(name, name) for name in dict.fromkeys([*names, *configured.SANDBOX])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep what it accepted."""
        names = dict(self.lookup_choices)
        return queryset.filter(provider=self.value()) if self.value() in names else queryset


class DoubtFilter(base.Filter):  # type: ignore[misc]
    """What somebody may want to look into: emails that may have been sent twice, or that wait for a person."""

    title = "doubt"
    parameter_name = "doubt"
    DUPLICATE, WAITING = "duplicate", "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [(self.DUPLICATE, "may be a duplicate"), (self.WAITING, "unknown, waits for a person")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep those; what is no doubt is ignored."""
        if self.value() == self.DUPLICATE:
            return queryset.filter(possible_duplicate=True)
        if self.value() == self.WAITING:
            return queryset.filter(status=Email.Status.UNKNOWN, due_at=None)
        return queryset


class AcceptedFilter(base.DateFilter):  # type: ignore[misc]
    """The days on which emails were accepted, both inclusive: their ids tell."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Be called what it is."""
        super().__init__(*args, **kwargs)
        self.title = "date"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Email]) -> QuerySet[Email]:
        """Keep the emails of these days; what is no date is ignored."""
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
    """Return the smallest id of a day in the admin's time zone."""
    return ids.floor(datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone()).astimezone(UTC))
