"""Django's passwords, within the limits of delivery/access/logins.py and seats.py, whatever view asks for them."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from delivery.access import logins, seats, users

LONGEST = 1024  # characters


class SeatedHasher(PBKDF2PasswordHasher):
    """Django's first choice; raises TooManyTries where two threads are hashing already."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Hash it in one of the two seats."""
        with seats.taken():
            return super().encode(password, salt, iterations)


class NotTooLong:
    """A password that this service would not check is not set either."""

    def validate(self, password: str, user: Any = None) -> None:
        """Refuse one that is longer than LONGEST."""
        if len(password) > LONGEST:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        """Say how long it may be."""
        return f"Your password must have at most {LONGEST} characters."


class LimitedBackend(ModelBackend):
    """Users of the database by name or, where exactly one user has it, by address; and their passwords."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user whose password this is; raise TooManyTries before it is hashed."""
        if not username or not password or len(password) > LONGEST or "\0" in username:
            return None
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        with logins.checked(address, users.folded(username)) as right:
            user = self._checked(_named(username), password)
            right.extend([True] if user else [])
        return user

    def _checked(self, user: User | None, password: str) -> User | None:
        if user is None:
            User().set_password(password)  # the same work: a user who is not there is not answered sooner
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None


def _named(name: str) -> User | None:
    """Return the user of this name, or else the only active one of this address."""
    named, at = (
        User.objects.filter(username=name).first(),
        [user for user in users.at(name) if user.is_active],
    )
    return named or (at[0] if len(at) == 1 else None)
