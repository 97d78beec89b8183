"""All that is kept of one person, as values of JSON in pieces: a person may have a hundred thousand emails."""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet

from delivery.erasure import texts
from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.models import (
    Attachment,
    Attempt,
    Contact,
    Email,
    Membership,
    ProviderEvent,
    Recipient,
    SoftBounce,
    Suppression,
    UnsubscribeLink,
)

_AT_ONCE: Final = 100
_EMAIL: Final = (
    *("id", "created_at", "finished_at", "status", "from_address", "from_name", "reply_to", "subject"),
    *("text_body", "html_body", "headers", "tags", "metadata", "purpose", "provider", "reason"),
)
_RECIPIENT: Final = ("kind", "name", "address", "status", "reason")
_ATTEMPT: Final = ("id", "provider", "outcome", "started_at", "provider_message_id", "code", "detail")
_EVENT: Final = ("id", "account", "kind", "at", "received_at", "recipient", "bounce", "bot", "code", "reason")
_ATTACHMENT: Final = ("filename", "content_type", "size", "sha256", "pruned_at")
_SUPPRESSION: Final = (
    *("id", "address", "kind", "scope", "source", "reason", "by", "count", "first_seen", "last_seen"),
    "expires_at",
)
_CONTACT: Final = (
    *("id", "email", "first_name", "last_name", "name", "locale", "data", "created_at", "changed_at"),
)
# Told whole above; other tables are told by table and column.
_TOLD: Final = (Email, Recipient, Attempt, Attachment, ProviderEvent, Suppression, Contact)
Rows = dict[str, Any]


def of(person: Person, far: Reach) -> Iterator[tuple[str, Any]]:
    """Yield the names of what is kept, each with its rows: a list, or what yields one row after the other.

    Other recipients of the same emails are not named, but where a text names them.
    """
    yield "address", person.address
    yield "tombstones", person.known_as[1:]  # what stands for the person since an erasure
    yield "emails", _emails(person, far)
    yield "contacts", _contacts(person, far)
    yield (
        "suppressions",
        _plain(Suppression.objects.filter(far.query(), address__in=person.known_as), _SUPPRESSION),
    )
    links = UnsubscribeLink.objects.filter(far.query(), address__in=person.known_as)
    yield "unsubscribe_links", _plain(links, ("id", "scope"))
    yield "soft_bounces", _plain(SoftBounce.objects.filter(far.query(), address=person.address), ("day",))
    yield "mentions", _mentions(person, far)


def whole(person: Person, far: Reach) -> Rows:
    """Return all of it at once."""
    return {name: list(rows) if isinstance(rows, Iterator) else rows for name, rows in of(person, far)}


def _emails(person: Person, far: Reach) -> Iterator[Rows]:
    found = Recipient.objects.filter(canonical__in=person.known_as).values("email")
    rows = far.keep(Email.objects.filter(pk__in=found)).order_by("-id").only(*_EMAIL)
    for email in rows.iterator(chunk_size=_AT_ONCE):
        own = Recipient.objects.filter(email=email, canonical__in=person.known_as)
        events = ProviderEvent.objects.filter(email=email, recipient__in=person.known_as)
        yield {
            **{name: getattr(email, name) for name in _EMAIL},
            "recipients": _plain(own, _RECIPIENT),
            "attachments": _plain(Attachment.objects.filter(email=email), _ATTACHMENT),
            "attempts": _plain(Attempt.objects.filter(email=email), _ATTEMPT),
            "events": _plain(events, _EVENT),
        }


def _contacts(person: Person, far: Reach) -> list[Rows]:
    rows = far.keep(Contact.objects.filter(email_key__in=person.known_as))
    groups = ("group__name", "status", "since", "by")
    return [
        {**row, "groups": _plain(Membership.objects.filter(contact=row["id"]), groups)}
        for row in _plain(rows, _CONTACT)
    ]


def _plain(rows: QuerySet[Any], names: tuple[str, ...]) -> list[Rows]:
    return list(rows.values(*names))


def _mentions(person: Person, far: Reach) -> Iterator[Rows]:
    """Yield whatever else names the address: webhooks, events without an email, emails to others, the audit."""
    for model in texts.tables():
        names = texts.columns(model)
        rows = texts.holding(far.keep(model._default_manager.order_by("pk")), person).only(*names)
        for row in rows.iterator(chunk_size=_AT_ONCE):
            held = {name: getattr(row, name) for name in names if person.is_in(getattr(row, name))}
            if held and not _is_told(row, person):
                yield {"table": model._meta.db_table, "id": str(row.pk), "texts": held}


def _is_told(row: Any, person: Person) -> bool:
    """Tell whether a row stands with one of the person's emails, or is one."""
    if not isinstance(row, _TOLD):
        return False
    email = row.pk if isinstance(row, Email) else getattr(row, "email_id", None)
    if email is None:
        return isinstance(row, Suppression | Contact)
    return Recipient.objects.filter(email=email, canonical__in=person.known_as).exists()
