"""The filters of mailings/ and of a mailing's recipients."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from api import parameters
from api.filters import TruthFilter
from delivery.mailings import states
from delivery.models import Mailing, MailingRecipient
from delivery.search import mailing_addresses

_OF_THE_PAGES = ("cursor", "page_size")
_OF_FILES = ("format", "for_spreadsheet", "delimiter")


class MailingFilter(django_filters.FilterSet):  # type: ignore[misc]
    """state, group."""

    state = django_filters.ChoiceFilter(choices=Mailing.State.choices)
    group = django_filters.UUIDFilter(field_name="group")

    def is_valid(self) -> bool:
        """Refuse unknown parameters."""
        parameters.refuse_unknown(self.data, [*self.filters, *_OF_THE_PAGES])
        return bool(super().is_valid())


class RecipientFilter(django_filters.FilterSet):  # type: ignore[misc]
    """state, address, q, possible_duplicate, render_failures."""

    state = django_filters.ChoiceFilter(choices=MailingRecipient.State.choices)
    address = django_filters.CharFilter(method="by_address", help_text="the whole address")
    q = django_filters.CharFilter(method="search", help_text="the beginning of an address")
    possible_duplicate = TruthFilter(help_text="sent again although it may have been sent before")

    render_failures = TruthFilter(
        method="by_render_failure", help_text="it cannot be written: as the check has found, or at their turn"
    )

    @classmethod
    def known(cls) -> tuple[str, ...]:
        """Return the names of all parameters of the list."""
        return (*cls.base_filters, *_OF_THE_PAGES, *_OF_FILES)

    def is_valid(self) -> bool:
        """Refuse unknown parameters, and an empty switch."""
        parameters.refuse_unknown(self.data, self.known())
        TruthFilter.refuse_empty(self)
        return bool(super().is_valid())

    def by_address(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep who was written to at this address."""
        return mailing_addresses.at(rows, value)

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep whose address begins so."""
        return mailing_addresses.beginning(rows, value)

    def by_render_failure(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        """Keep those for whom it cannot be written, or the others."""
        failing = Q(reason__startswith=states.RENDER)
        return rows.filter(failing if value else ~failing)
