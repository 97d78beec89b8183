"""The people who log in, by their addresses of mail."""

from django.contrib.auth.models import User


def at(address: str) -> list[User]:
    """Return the users of an address in letters of any case; a database may find letters alike that are not."""
    found = User.objects.filter(email__iexact=address)
    return [user for user in found if user.email.lower() == address.lower()]
