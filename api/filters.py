"""The filters of emails/. Each one is served by an index."""

from datetime import UTC, datetime
from uuid import UUID

import django_filters
from django.db.models import QuerySet

from delivery import ids, search
from delivery.models import Email

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # of the time in an id


class EmailFilter(django_filters.FilterSet):  # type: ignore[misc]
    """status, recipient, provider, tag, created_after, created_before, q."""

    status = django_filters.ChoiceFilter(choices=Email.Status.choices)
    recipient = django_filters.CharFilter(method="by_recipient", help_text="a recipient's whole address")
    provider = django_filters.CharFilter(help_text="the provider that accepted it")
    tag = django_filters.CharFilter(method="by_tag")
    created_after = django_filters.IsoDateTimeFilter(method="after", help_text="ISO 8601, inclusive")
    created_before = django_filters.IsoDateTimeFilter(method="before", help_text="ISO 8601, exclusive")
    q = django_filters.CharFilter(
        method="search",
        help_text="an id, the beginning of a recipient's address, or words of the subject; the newest 500",
    )

    def by_recipient(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails to this address."""
        return search.by_recipient(emails, value)

    def by_tag(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails with this tag."""
        return emails.filter(tag_rows__name=value)

    def after(self, emails: QuerySet[Email], name: str, value: datetime) -> QuerySet[Email]:
        """Keep emails accepted then or later: their ids tell."""
        return emails.filter(id__gte=_bound(value))

    def before(self, emails: QuerySet[Email], name: str, value: datetime) -> QuerySet[Email]:
        """Keep emails accepted before."""
        return emails.filter(id__lt=_bound(value))

    def search(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails that match what a person typed."""
        return search.by_text(emails, value)


def _bound(moment: datetime) -> UUID:
    return ids.floor(max(moment, _BEGINNING))
