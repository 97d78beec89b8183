"""How emails are found: every question is answered from an index, however long the log is."""

from uuid import UUID

from django.db.models import QuerySet

from delivery import addresses
from delivery.models import Email, Recipient


def by_recipient(emails: QuerySet[Email], address: str) -> QuerySet[Email]:
    """Keep the emails to one address."""
    try:
        wanted = addresses.bare(address.strip())
    except addresses.InvalidAddress:
        return emails.none()
    return emails.filter(
        id__in=Recipient.objects.filter(canonical=addresses.canonical(wanted)).values("email")
    )


def by_text(emails: QuerySet[Email], text: str) -> QuerySet[Email]:
    """Keep the emails whose id, recipient or subject is what a person typed."""
    text = text.strip()
    if "@" in text:
        return by_recipient(emails, text)
    try:
        return emails.filter(id=UUID(text))
    except ValueError:
        return emails.filter(subject__icontains=text)
