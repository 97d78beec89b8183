"""allauth's forms for passkeys and security keys: what is no answer of a key is refused, not stumbled over."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.core.exceptions import ValidationError

_LONGEST = 32 * 1024  # characters; an attestation with its certificates has a few thousand
_NONSENSE = (KeyError, TypeError, ValueError, AttributeError, IndexError, struct.error)


class Credential(forms.JSONField):
    """What a browser says for a key: an object of bounded size."""

    def __init__(self) -> None:
        """Be hidden: a script fills it in."""
        super().__init__(widget=forms.HiddenInput)

    def to_python(self, value: Any) -> Any:
        """Refuse what is no object, is too long or nested too deep."""
        if isinstance(value, str) and len(value) > _LONGEST:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        try:
            read = super().to_python(value)
        except RecursionError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        if read is not None and not isinstance(read, dict):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return read

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show nothing again of what was refused: a key answers anew."""
        return initial


@contextmanager
def _sound() -> Iterator[None]:
    """Refuse what the library cannot read: it raises whatever it stumbles over."""
    try:
        yield
    except _NONSENSE as error:
        raise get_adapter().validation_error("incorrect_code") from error


class _Answered:
    def clean_credential(self) -> Any:
        """Return the key that answered the session's challenge."""
        with _sound():
            return super().clean_credential()  # type: ignore[misc]


class AddForm(webauthn.AddWebAuthnForm):  # type: ignore[misc]
    """A new key."""

    credential = Credential()

    def clean(self) -> Any:
        """Check what it says."""
        with _sound():
            return super().clean()


class LoginForm(_Answered, webauthn.LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey, instead of a password."""

    credential = Credential()


class AuthenticateForm(_Answered, webauthn.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A key, after the password."""

    credential = Credential()


class ReauthenticateForm(_Answered, webauthn.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A key, before something that matters."""

    credential = Credential()
