"""People who log in, with passwords that cost nothing to check."""

import re
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.contrib.auth.models import User
from django.test import Client

LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"


def person(name: str = "anna", **fields: Any) -> User:
    return User.objects.create_user(name, f"{name}@example.org", PASSWORD, **fields)


def log_in(client: Client, name: str = "anna", password: str = PASSWORD, **fields: Any) -> Any:
    return client.post(LOGIN, {"login": name, "password": password, **fields})


def with_passkey(user: User, name: str = "his") -> None:
    """Give a person a passkey that nobody can use."""
    Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": name, "credential": {}}
    )


def with_app(user: User) -> str:
    """Give a person an authenticator app; return its secret."""
    secret = auth.generate_totp_secret()
    auth.TOTP.activate(user, secret)
    return secret


def code(secret: str, later: int = 0) -> str:
    """Return the code of now, or of so many half minutes later."""
    return auth.format_hotp_value(auth.hotp_value(secret, int(time.time()) // 30 + later))


def user_of(client: Client) -> str | None:
    """Return the key of the user as whom a client is logged in."""
    return client.session.get("_auth_user_id")


def factors(user: User) -> list[str]:
    return sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def link_in(text: str) -> str:
    found = re.search(r"https?://\S+", text)
    assert found
    return found.group()
