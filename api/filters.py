"""The filters of emails/. Each one uses an index."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field

from api import parameters
from delivery.content import addresses
from delivery.db import ids
from delivery.models import Email, Recipient, Suppression
from delivery.search import query

_OF_THE_PAGES = ("cursor", "page_size")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # the earliest time of an id


@extend_schema_field(bool)
class TruthFilter(django_filters.TypedChoiceFilter):  # type: ignore[misc]
    """true or false. django-filter's own filter ignores any other word."""

    def __init__(self, **options: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda word: word == "true", **options)


class EmailFilter(django_filters.FilterSet):  # type: ignore[misc]
    """status, recipient_status, recipient, provider, tag, possible_duplicate, created_after, created_before, q."""

    status = django_filters.ChoiceFilter(choices=Email.Status.choices)
    recipient_status = django_filters.ChoiceFilter(
        choices=Recipient.Status.choices, method="by_recipient_status", help_text="of any of its recipients"
    )
    recipient = django_filters.CharFilter(method="by_recipient", help_text="a recipient's whole address")
    provider = django_filters.CharFilter(help_text="the provider that accepted it")
    tag = django_filters.CharFilter(method="by_tag")
    possible_duplicate = TruthFilter(help_text="sent again although it may have been sent before")
    created_after = django_filters.IsoDateTimeFilter(method="after", help_text="ISO 8601, inclusive")
    created_before = django_filters.IsoDateTimeFilter(method="before", help_text="ISO 8601, exclusive")
    q = django_filters.CharFilter(
        method="search",
        help_text="an id, the beginning of a recipient's address, or words of the subject; the newest 500",
    )

    def is_valid(self) -> bool:
        """Refuse unknown parameters: a misspelt filter must not be ignored, as the result would look filtered."""
        parameters.refuse_unknown(self.data, [*self.filters, *_OF_THE_PAGES])
        return bool(super().is_valid())

    def by_recipient(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails to this address."""
        return query.by_recipient(emails, value)

    def by_recipient_status(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails of which a recipient has this status."""
        return query.by_recipient_status(emails, value)

    def by_tag(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails with this tag."""
        return emails.filter(tag_rows__name=value)

    def after(self, emails: QuerySet[Email], name: str, value: datetime) -> QuerySet[Email]:
        """Keep emails accepted at this time or later, by their ids."""
        return emails.filter(id__gte=_bound(value))

    def before(self, emails: QuerySet[Email], name: str, value: datetime) -> QuerySet[Email]:
        """Keep emails accepted before this time, by their ids."""
        return emails.filter(id__lt=_bound(value))

    def search(self, emails: QuerySet[Email], name: str, value: str) -> QuerySet[Email]:
        """Keep emails that match a search text."""
        return query.by_text(emails, value)


class SuppressionFilter(django_filters.FilterSet):  # type: ignore[misc]
    """address, kind, scope, source, created_after, created_before."""

    address = django_filters.CharFilter(method="by_address", help_text="the whole address")
    kind = django_filters.ChoiceFilter(choices=Suppression.Kind.choices)
    scope = django_filters.CharFilter(help_text="all, marketing or list:<name>")
    source = django_filters.CharFilter(help_text="a provider's name, or api, admin, csv, link")
    created_after = django_filters.IsoDateTimeFilter(method="after", help_text="ISO 8601, inclusive")
    created_before = django_filters.IsoDateTimeFilter(method="before", help_text="ISO 8601, exclusive")

    def is_valid(self) -> bool:
        """Refuse unknown parameters."""
        parameters.refuse_unknown(self.data, [*self.filters, *_OF_THE_PAGES])
        return bool(super().is_valid())

    def by_address(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        """Keep the entries of this address."""
        return rows.filter(address=addresses.canonical(value.strip()))

    def after(self, rows: QuerySet[Suppression], name: str, value: datetime) -> QuerySet[Suppression]:
        """Keep entries made at this time or later, by their ids."""
        return rows.filter(id__gte=_bound(value))

    def before(self, rows: QuerySet[Suppression], name: str, value: datetime) -> QuerySet[Suppression]:
        """Keep entries made before this time, by their ids."""
        return rows.filter(id__lt=_bound(value))


def _bound(moment: datetime) -> UUID:
    return ids.floor(max(moment, _BEGINNING))
