"""The filters of contacts/ and of a group's members."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet

from api import parameters
from delivery.audience import contacts
from delivery.content import addresses
from delivery.models import Contact, Membership

_OF_THE_PAGES = ("cursor", "page_size")
_OF_FILES = ("format", "for_spreadsheet", "delimiter")
Status = Membership.Status


class ContactFilter(django_filters.FilterSet):  # type: ignore[misc]
    """email, group, q."""

    email = django_filters.CharFilter(method="by_email", help_text="the whole address")
    group = django_filters.UUIDFilter(method="by_group", help_text="who is subscribed to this group")
    q = django_filters.CharFilter(method="search", help_text="the beginning of an address")

    def is_valid(self) -> bool:
        """Refuse unknown parameters."""
        parameters.refuse_unknown(self.data, [*self.filters, *_OF_THE_PAGES, *_OF_FILES])
        return bool(super().is_valid())

    def by_email(self, rows: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        """Keep the contact with this address."""
        return rows.filter(email_key=addresses.canonical(value.strip()))

    def by_group(self, rows: QuerySet[Contact], name: str, value: UUID) -> QuerySet[Contact]:
        """Keep who is subscribed to this group; another team's has none of these contacts."""
        return rows.filter(memberships__group=value, memberships__status=Status.SUBSCRIBED)

    def search(self, rows: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        """Keep those whose address begins so."""
        return contacts.searched(rows, value)


class MemberFilter(django_filters.FilterSet):  # type: ignore[misc]
    """email, status."""

    email = django_filters.CharFilter(method="by_email", help_text="the whole address")
    status = django_filters.ChoiceFilter(choices=Status.choices)

    @classmethod
    def known(cls) -> tuple[str, ...]:
        """Return the names of all parameters of the list."""
        return (*cls.base_filters, *_OF_THE_PAGES, *_OF_FILES)

    def is_valid(self) -> bool:
        """Refuse unknown parameters."""
        parameters.refuse_unknown(self.data, self.known())
        return bool(super().is_valid())

    def by_email(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep the member with this address."""
        return rows.filter(contact__email_key=addresses.canonical(value.strip()))
