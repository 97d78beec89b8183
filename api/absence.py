"""What a request was about to change, or to point to, and somebody else has deleted at that moment."""

from typing import Final

from django.db import IntegrityError

from delivery.models import Contact, Group, Mailing, Membership, Signature, Template

_ROWS: Final = (
    Contact.DoesNotExist,
    Group.DoesNotExist,
    Mailing.DoesNotExist,
    Membership.DoesNotExist,
    Signature.DoesNotExist,
    Template.DoesNotExist,
)
# PostgreSQL, Appendix A: foreign_key_violation; SQLite's own name.
_POINTS_TO_NOTHING: Final = ("23503", "SQLITE_CONSTRAINT_FOREIGNKEY")


def explains(exc: Exception) -> bool:
    """Tell whether an exception says that it is there no more."""
    if isinstance(exc, _ROWS):
        return True
    said = (getattr(exc.__cause__, name, "") for name in ("sqlstate", "sqlite_errorname"))
    return isinstance(exc, IntegrityError) and any(word in _POINTS_TO_NOTHING for word in said)
