"""Search for emails; every query uses an index, however long the log is."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from delivery.content import addresses
from delivery.models import Attempt, Email, Recipient, Tag
from delivery.models.email import IN_TROUBLE
from delivery.search import domain_index, senders, subject_index, word_index

NEWEST = 500  # a search by text returns only so many, the newest: sorting all matches would take too long
_MANY = 20_000  # matches that SQLite sorts quickly; with more, reading the log from its end is faster
_LONGEST_ADDRESS = 254
_MOST_WORDS = 16
_MOST_SENDERS = 20  # that begin alike, each asked for alone: its newest emails stand together in the index
_SHORTEST_ID = 6  # characters of a vendor's message id
_QUOTED = re.compile(r'"([^"]+)"')
_DOMAIN = re.compile(r"[^\s@<>\"]+\.[^\s@<>\"]+")
# SQLite knows the index by its own condition alone, word for word.
_IN_TROUBLE = f"status IN ({', '.join(repr(status) for status in IN_TROUBLE)})"
_AFTER_EVERYTHING = "\U0010ffff"
Found = Iterable[QuerySet[Email]]
Field = Callable[[QuerySet[Email], str], Found]


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
    """Keep the newest 500 emails that match: by id, or by any of what `FIELDS` names.

    A field's name and a colon before the text ask for that field alone. Apply other filters before, not after: the
    result is the newest of the given emails.
    """
    text = text.strip()
    if not text:
        return emails
    if not _storable(text):
        return emails.none()
    try:
        wanted = UUID(text)
    except ValueError:
        return emails.filter(id__in=_found(emails.order_by(), text))
    return emails.filter(id__in=[wanted, *Attempt.objects.filter(pk=wanted).values_list("email", flat=True)])


def _found(emails: QuerySet[Email], text: str) -> list[UUID]:
    name, colon, value = text.partition(":")
    asked = FIELDS.get(name.strip().lower()) if colon else None
    found = asked(emails, value.strip()) if asked else chain(*(field(emails, text) for field in _ANY))
    return sorted(set(chain(*map(_newest, found))))[-NEWEST:]


def _newest(emails: QuerySet[Email]) -> list[UUID]:
    ordered = emails if emails.ordered else emails.order_by("-id")
    return list(ordered.values_list("pk", flat=True)[:NEWEST])


def _by_address(emails: QuerySet[Email], text: str) -> Found:
    """Find a recipient by the beginning of the address, or by the whole of it in quotes."""
    whole = _QUOTED.fullmatch(text)
    return [by_recipient(emails, whole[1]) if whole else _to(emails, _beginning(text))]


def _by_name(emails: QuerySet[Email], text: str) -> Found:
    return [word_index.to_named(emails, words)] if (words := _words(text)) else []


def _by_domain(emails: QuerySet[Email], text: str) -> Found:
    """Find recipients at a domain."""
    domain = text.removeprefix("@").lower()
    if not _DOMAIN.fullmatch(domain):
        return []
    domain = addresses.canonical(f"x@{domain}").removeprefix("x@")
    return [_to(emails, domain_index.at(domain))]


def _by_sender(emails: QuerySet[Email], text: str) -> Found:
    """Find by the beginning of the sender's address, or by its domain after an @."""
    if re.search(r"\s", text) or not text:
        return []
    known = [text.lower()] if "@" in text[1:] and "." in text.rpartition("@")[2] else senders.like(text)
    return [senders.sent_from(emails, sender).order_by("-id") for sender in known[:_MOST_SENDERS]]


def _by_exact_sender(emails: QuerySet[Email], text: str) -> Found:
    return _by_sender(emails, text) if "@" in text else []


def _by_message(emails: QuerySet[Email], text: str) -> Found:
    """Find by the vendor's message id, in angle brackets or with SendGrid's suffix too."""
    bare = text.strip("<>")
    if len(bare) < _SHORTEST_ID or re.search(r"\s", bare) or len(bare) > _LONGEST_ADDRESS:
        return []
    told = Attempt.objects.extra(where=["provider_message_id > ''"])
    forms = {bare, f"<{bare}>", bare.partition(".")[0]}
    return [emails.filter(pk__in=told.filter(provider_message_id__in=forms).order_by().values("email"))]


def _by_metadata(emails: QuerySet[Email], text: str) -> Found:
    """Find by a value of the metadata, or by name=value."""
    words = re.findall(r"[^\W_]+", json.dumps(text)[1:-1] if connection.vendor == "sqlite" else text)
    return [word_index.with_metadata(emails, words[:_MOST_WORDS])]


def _by_tag(emails: QuerySet[Email], text: str) -> Found:
    return [emails.filter(pk__in=Tag.objects.filter(name=text).order_by("-email").values("email"))]


def _by_subject(emails: QuerySet[Email], text: str) -> Found:
    return [subject_index.containing(emails, _words(text))]


_ANY: Final[tuple[Field, ...]] = (
    *(_by_address, _by_domain, _by_exact_sender, _by_message, _by_tag, _by_metadata, _by_name, _by_subject),
)
FIELDS: Final[Mapping[str, Field]] = {
    "to": _by_address,
    "name": _by_name,
    "domain": _by_domain,
    "from": _by_sender,
    "message": _by_message,
    "meta": _by_metadata,
    "tag": _by_tag,
    "subject": _by_subject,
}


def _words(text: str) -> list[str]:
    return [] if "@" in text else re.findall(r"[^\W_]+", text)[:_MOST_WORDS]


def tried(emails: QuerySet[Email], attempts: QuerySet[Attempt]) -> QuerySet[Email]:
    """Keep the emails that have one of these attempts: of few they are looked up, of many met in the newest emails."""
    if attempts.order_by()[:_MANY].count() == _MANY:
        return emails.filter(Exists(attempts.filter(email=OuterRef("pk"))))
    return emails.filter(pk__in=attempts.order_by().values("email"))


def with_error(error: str) -> QuerySet[Attempt]:
    """Return the attempts that ended with this class of error, along their index."""
    return Attempt.objects.extra(where=["error > ''"]).filter(error=error)


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
