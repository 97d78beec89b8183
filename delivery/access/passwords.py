"""Django's check of a password, within the limits of delivery/access/logins.py, whatever view asks for it."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from delivery.access import logins


class LimitedBackend(ModelBackend):
    """Users and passwords of the database."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user whose password this is; raise TooManyLogins before it is hashed."""
        if username is None or password is None:
            return None
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        with logins.checked(address, username) as right:
            user = super().authenticate(request, username, password, **kwargs)
            right.extend([True] if user else [])
            return user
