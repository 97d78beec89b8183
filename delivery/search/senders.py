"""The senders that the log has seen, found by jumps along their index."""

from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Lower

from delivery.models import Email

_MOST: Final = 2000  # senders that are looked through for a domain or a beginning
_FIRST: Final = "SELECT lower(from_address) FROM delivery_email{} ORDER BY lower(from_address) LIMIT 1"
_JUMPS: Final = f"""WITH RECURSIVE seen(sender) AS (
    SELECT ({_FIRST.format("")})
    UNION ALL
    SELECT ({_FIRST.format(" WHERE lower(from_address) > seen.sender")}) FROM seen WHERE seen.sender IS NOT NULL)
SELECT sender FROM seen WHERE sender IS NOT NULL LIMIT %s"""  # noqa: S608 - no text of a user


def sent_from(emails: QuerySet[Email], sender: str) -> QuerySet[Email]:
    """Keep the emails of one sender, whatever its case."""
    return emails.alias(sender=Lower("from_address")).filter(sender=sender.lower())


def like(text: str) -> list[str]:
    """Return the senders that begin with this text, or of the domain that begins so after an @."""
    wanted = text.lower()
    if wanted.startswith("@"):
        return [each for each in everybody() if f"@{each.rpartition('@')[2]}".startswith(wanted)]
    return [each for each in everybody() if each.startswith(wanted)]


def everybody() -> list[str]:
    """Return the first 2,000 senders in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(_JUMPS, [_MOST])
        return [sender for (sender,) in cursor.fetchall()]
