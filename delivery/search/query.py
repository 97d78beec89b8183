"""Search for emails; every query uses an index, however long the log is."""

import re
from itertools import chain
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from delivery.content import addresses
from delivery.models import Email, Recipient
from delivery.models.email import IN_TROUBLE
from delivery.search import subject_index

NEWEST = 500  # a search by text returns only so many, the newest: sorting all matches would take too long
_MANY = 20_000  # matches that SQLite sorts quickly; with more, reading the log from its end is faster
_LONGEST_ADDRESS = 254
_MOST_WORDS = 16
# SQLite knows the index by its own condition alone, word for word.
_IN_TROUBLE = f"status IN ({', '.join(repr(status) for status in IN_TROUBLE)})"
_AFTER_EVERYTHING = "\U0010ffff"


def by_recipient(emails: QuerySet[Email], address: str) -> QuerySet[Email]:
    """Keep all emails to one address."""
    try:
        wanted = addresses.canonical(addresses.bare(address.strip()))
    except addresses.InvalidAddress:
        return emails.none()
    return _to(emails, Recipient.objects.filter(canonical=wanted))


def by_recipient_status(emails: QuerySet[Email], status: str) -> QuerySet[Email]:
    """Keep all emails of which a recipient has this status.

    What few recipients have is read from its own index; the others are met at once in the newest emails.
    """
    recipients = Recipient.objects.filter(status=status)
    if status in IN_TROUBLE:
        few = recipients.extra(where=[_IN_TROUBLE]).order_by()  # noqa: S610 - our own words
        return emails.filter(pk__in=few.values("email"))
    return emails.filter(Exists(recipients.filter(email=OuterRef("pk"))))


def by_text(emails: QuerySet[Email], text: str) -> QuerySet[Email]:
    """Keep the newest 500 emails that match: by id, the beginning of a recipient's address, or words of the subject.

    Apply other filters before, not after: the result is the newest of the given emails.
    """
    text = text.strip()
    if not text:
        return emails
    if not _storable(text):
        return emails.none()
    try:
        return emails.filter(id=UUID(text))
    except ValueError:
        return emails.filter(id__in=_found(emails.order_by(), text))


def _found(emails: QuerySet[Email], text: str) -> list[UUID]:
    found = chain(
        _newest(_to(emails, _beginning(text))), _newest(subject_index.containing(emails, _words(text)))
    )
    return sorted(set(found))[-NEWEST:]


def _newest(emails: QuerySet[Email]) -> list[UUID]:
    ordered = emails if emails.ordered else emails.order_by("-id")
    return list(ordered.values_list("pk", flat=True)[:NEWEST])


def _words(text: str) -> list[str]:
    return [] if "@" in text else re.findall(r"[^\W_]+", text)[:_MOST_WORDS]


def _storable(text: str) -> bool:
    return "\x00" not in text and not re.search("[\ud800-\udfff]", text)


def _beginning(text: str) -> QuerySet[Recipient]:
    """Return the recipients whose address begins with this text."""
    if re.search(r"\s", text) or len(text) > _LONGEST_ADDRESS:
        return Recipient.objects.none()
    try:
        start = addresses.canonical(addresses.bare(text))
    except addresses.InvalidAddress:
        start = addresses.canonical(text)
    if connection.vendor == "sqlite":  # uses no index for LIKE, but does for comparisons
        return Recipient.objects.filter(canonical__gte=start, canonical__lt=start + _AFTER_EVERYTHING)
    return Recipient.objects.filter(canonical__startswith=start)


def _to(emails: QuerySet[Email], recipients: QuerySet[Recipient]) -> QuerySet[Email]:
    """Keep the emails to these recipients; SQLite needs another query if there are many, PostgreSQL plans it itself."""
    if connection.vendor == "sqlite" and recipients.order_by()[:_MANY].count() == _MANY:
        return emails.filter(Exists(recipients.filter(email=OuterRef("pk"))))
    return emails.filter(id__in=recipients.order_by().values("email"))
