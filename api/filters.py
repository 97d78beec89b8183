"""The filters of emails/. Each one uses an index."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_field

from api import parameters
from delivery.db import ids
from delivery.models import AuditEntry, Email, Recipient, Suppression
from delivery.search import query
from delivery.suppressions import lookup

_KEY = "gm_live_"
_OF_THE_PAGES = ("cursor", "page_size")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # the earliest time of an id


@extend_schema_field(bool)
class TruthFilter(django_filters.TypedChoiceFilter):  # type: ignore[misc]
    """true or false. django-filter's own filter ignores any other word."""

    def __init__(self, **options: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda word: word == "true", **options)

    @staticmethod
    def refuse_empty(filters: Any) -> None:
        """Raise ContractError where one is given, and empty: the result would look filtered."""
        for name, one in filters.filters.items():
            if isinstance(one, TruthFilter) and filters.data.get(name) == "":
                raise parameters.invalid(name, "invalid_choice", "must be true or false.")


class EmailFilter(django_filters.FilterSet):  # type: ignore[misc]
    """By status, recipient, provider, tag, mailing, time and text."""

    status = django_filters.ChoiceFilter(choices=Email.Status.choices)
    recipient_status = django_filters.ChoiceFilter(
        choices=Recipient.Status.choices, method="by_recipient_status", help_text="of any of its recipients"
    )
    recipient = django_filters.CharFilter(method="by_recipient", help_text="a recipient's whole address")
    provider = django_filters.CharFilter(help_text="the provider that accepted it")
    tag = django_filters.CharFilter(method="by_tag")
    mailing = django_filters.UUIDFilter(field_name="mailing", help_text="the id of the mailing it is of")
    possible_duplicate = TruthFilter(help_text="sent again although it may have been sent before")
    created_after = django_filters.IsoDateTimeFilter(method="after", help_text="ISO 8601, inclusive")
    created_before = django_filters.IsoDateTimeFilter(method="before", help_text="ISO 8601, exclusive")
    q = django_filters.CharFilter(
        method="search",
        help_text="an id, the beginning of a recipient's address, words of the subject, a name, a @domain, a sender, "
        "a tag, metadata, a vendor's message id; the newest 500. One field: to: name: domain: from: message: meta: "
        "tag: subject:",
    )

    def is_valid(self) -> bool:
        """Refuse unknown parameters: a misspelt filter must not be ignored, as the result would look filtered."""
        parameters.refuse_unknown(self.data, [*self.filters, *_OF_THE_PAGES])
        TruthFilter.refuse_empty(self)
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
        return rows.filter(address__in=lookup.known_as(value))

    def after(self, rows: QuerySet[Suppression], name: str, value: datetime) -> QuerySet[Suppression]:
        """Keep entries made at this time or later, by their ids."""
        return rows.filter(id__gte=_bound(value))

    def before(self, rows: QuerySet[Suppression], name: str, value: datetime) -> QuerySet[Suppression]:
        """Keep entries made before this time, by their ids."""
        return rows.filter(id__lt=_bound(value))


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc]
    """actor, action, object, since, until, before, format."""

    JSON_LINES = "jsonl"
    actor = django_filters.CharFilter(
        method="by_actor",
        help_text="an id or a name: of a key its public id, of a command manage.py and its name",
    )
    action = django_filters.CharFilter(
        method="by_action", help_text="one, such as key.revoked, or all of a kind, such as key"
    )
    object = django_filters.CharFilter(method="by_object", help_text="an id; of a suppression the address")
    since = django_filters.IsoDateTimeFilter(method="after", help_text="ISO 8601, inclusive")
    until = django_filters.IsoDateTimeFilter(method="earlier", help_text="ISO 8601, exclusive")
    before = django_filters.UUIDFilter(
        method="older", help_text="only what is older than the entry of this id: where an export goes on"
    )
    format = django_filters.ChoiceFilter(
        choices=[("json", "json"), (JSON_LINES, JSON_LINES)],
        method="as_it_is",
        help_text="jsonl: an export as JSON lines, the newest 100,000",
    )

    def is_valid(self) -> bool:
        """Refuse unknown parameters."""
        parameters.refuse_unknown(self.data, [*self.filters, *_OF_THE_PAGES])
        return bool(super().is_valid())

    def by_actor(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep what this one did."""
        return rows.filter(Q(actor_id=_public_id(value)) | Q(actor_name=value))

    def by_action(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep this action, or those of this kind."""
        return rows.filter(action=value) if "." in value else rows.filter(action__startswith=f"{value}.")

    def by_object(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep what was done to this object."""
        return rows.filter(object_id=_public_id(value))

    def after(self, rows: QuerySet[AuditEntry], name: str, value: datetime) -> QuerySet[AuditEntry]:
        """Keep what was done at this time or later, by the entries' ids."""
        return rows.filter(id__gte=_bound(value))

    def earlier(self, rows: QuerySet[AuditEntry], name: str, value: datetime) -> QuerySet[AuditEntry]:
        """Keep what was done before this time."""
        return rows.filter(id__lt=_bound(value))

    def older(self, rows: QuerySet[AuditEntry], name: str, value: UUID) -> QuerySet[AuditEntry]:
        """Keep what is older than this entry."""
        return rows.filter(id__lt=value)

    def as_it_is(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep all: the view writes them in this format."""
        return rows


def _public_id(value: str) -> str:
    """Return a key's id, which may be written as it is shown, gm_live_abcdefgh_… too."""
    return value.removeprefix(_KEY).partition("_")[0] if value.startswith(_KEY) else value


def _bound(moment: datetime) -> UUID:
    return ids.floor(max(moment, _BEGINNING))
