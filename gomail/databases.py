"""Where the database is, from the URL that says so."""

from typing import Any, Final

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_KINDS: Final = ("sqlite", "postgres", "postgresql")


def parsed(url: str) -> dict[str, Any]:
    """Return Django's settings of a database; raise ImproperlyConfigured, which quotes no password."""
    kind, mark, _ = url.partition("://")
    if not mark or kind not in _KINDS:
        named = f"{kind[:20]}://" if mark else "what is no URL"
        raise ImproperlyConfigured(
            f"DATABASE_URL is {named}; write postgres://user:password@host:5432/name, or sqlite:////path/to/file."
        )
    try:
        return dict(dj_database_url.parse(url))
    except ValueError:
        said = (
            "DATABASE_URL cannot be read: percent-encode what is special in its user and password, @ as %40."
        )
        raise ImproperlyConfigured(said) from None
