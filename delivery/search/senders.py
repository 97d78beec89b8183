"""The senders that the log has seen, and their domains, found by jumps along their index."""

from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Lower

from delivery.db.domains import EXPRESSIONS, DomainOf
from delivery.models import Email

_MOST: Final = 2000  # senders that are looked through for a beginning
_MANY: Final = 20_000  # emails that are sorted quickly
_SENDER: Final = "lower(from_address)"
_FROM: Final = "FROM delivery_email"
# The next sender of the same domain, or else the first of the next domain: each is one step into the index.
_SENDERS: Final = f"""WITH RECURSIVE seen(sender) AS (
    SELECT (SELECT {_SENDER} {_FROM} WHERE {{domain}} >= %s ORDER BY {{domain}}, {_SENDER} LIMIT 1)
    UNION ALL
    SELECT coalesce(
        (SELECT {_SENDER} {_FROM} WHERE {{domain}} = {{of_seen}} AND {_SENDER} > seen.sender
            ORDER BY {_SENDER} LIMIT 1),
        (SELECT {_SENDER} {_FROM} WHERE {{domain}} > {{of_seen}} ORDER BY {{domain}}, {_SENDER} LIMIT 1))
    FROM seen WHERE seen.sender IS NOT NULL)
SELECT sender FROM seen WHERE sender IS NOT NULL LIMIT %s"""  # noqa: S608 - no text of a user
_DOMAINS: Final = f"""WITH RECURSIVE seen(domain) AS (
    SELECT (SELECT {{domain}} {_FROM} ORDER BY {{domain}} LIMIT 1)
    UNION ALL
    SELECT (SELECT {{domain}} {_FROM} WHERE {{domain}} > seen.domain ORDER BY {{domain}} LIMIT 1)
    FROM seen WHERE seen.domain IS NOT NULL)
SELECT domain FROM seen WHERE domain IS NOT NULL"""  # noqa: S608 - no text of a user


def sent_from(emails: QuerySet[Email], sender: str) -> QuerySet[Email]:
    """Keep the emails of one sender, whatever its case."""
    wanted = sender.lower()
    mine = _at(emails, wanted.rpartition("@")[2])
    return mine.alias(sender=Lower("from_address")).filter(sender=wanted)


def at(emails: QuerySet[Email], domain: str) -> QuerySet[Email]:
    """Keep the emails of the senders at one domain.

    SQLite would sort all of a domain that most are from; there no index is asked. PostgreSQL plans it itself.
    """
    if connection.vendor == "sqlite" and _at(Email.objects.order_by(), domain)[:_MANY].count() == _MANY:
        return emails.filter(from_address__iendswith=f"@{domain}")
    return _at(emails, domain)


def _at(emails: QuerySet[Email], domain: str) -> QuerySet[Email]:
    return emails.alias(sender_domain=DomainOf("from_address")).filter(sender_domain=domain.lower())


def like(text: str) -> list[str]:
    """Return the senders that begin with this text, or of the domain that begins so after an @."""
    wanted = text.lower()
    if not wanted.startswith("@"):
        return [each for each in _from_domain("") if each.startswith(wanted)]
    begun = wanted.removeprefix("@")
    return [each for each in _from_domain(begun) if each.rpartition("@")[2].startswith(begun)]


def domains() -> list[str]:
    """Return the domains of all senders, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(_written(_DOMAINS))
        return [domain for (domain,) in cursor.fetchall() if domain]


def _from_domain(first: str) -> list[str]:
    """Return 2,000 senders by their domains, from this one on."""
    with connection.cursor() as cursor:
        cursor.execute(_written(_SENDERS), [first, _MOST])
        return [sender for (sender,) in cursor.fetchall()]


def _written(statement: str) -> str:
    expression = EXPRESSIONS[connection.vendor]
    return statement.format(
        domain=expression.format("from_address"), of_seen=expression.format("seen.sender")
    )
