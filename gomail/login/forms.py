"""allauth's forms, within the limits of delivery/access/logins.py."""

from operator import attrgetter
from typing import Any

from allauth.account import forms as account
from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.internal.flows.password_reset import request_password_reset
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from django import forms
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from delivery.access import logins, users
from gomail.login import mails, ways


class LoginForm(account.LoginForm):  # type: ignore[misc]
    """A user's name or address of mail, and the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Call the field what it takes."""
        super().__init__(*args, **kwargs)
        asked = forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})
        self.fields["login"] = forms.CharField(label="User or address", max_length=254, widget=asked)
        self.order_fields(["login", "password"])
        del self.fields["password"].widget.attrs["placeholder"]  # its label says it


class ResetPasswordForm(account.ResetPasswordForm):  # type: ignore[misc]
    """Asks for a link by mail; the answer is the same whether anybody has the address."""

    def clean_email(self) -> str:
        """Look nobody up yet."""
        return str(self.cleaned_data["email"])

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Send the users of the address their links, each to the address as it is stored."""
        email = str(self.cleaned_data["email"])
        logins.allow_link(request.META.get("REMOTE_ADDR", ""), users.folded(email))
        with mails.evenly():
            for user in filter(attrgetter("is_active"), users.at(email)):
                request_password_reset(request, user.email, [user], account.default_token_generator)
        return email


class ResetPasswordKeyForm(account.ResetPasswordKeyForm):  # type: ignore[misc]
    """The new password of whoever has opened the link, and so has the mailbox."""

    def save(self) -> None:
        """Hash it before the transaction, which is slow; the address is proved by it."""
        self.user.set_password(self.cleaned_data["password1"])
        with transaction.atomic():
            users.store_password(self.user)
            ways.prove(self.user)


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    """The present password counts as one of a login."""

    def clean_oldpassword(self) -> str:
        """Check it within the limits."""
        old = str(self.cleaned_data["oldpassword"])
        if not get_account_adapter().reauthenticate(self.user, old):
            raise get_account_adapter().validation_error("enter_current_password")
        return old


class _Limited:
    """A few wrong codes lock all codes of the user; the code of an app is right once."""

    user: User
    authenticator: Authenticator

    def clean_code(self) -> str:
        """Return a code that is right and was not used; raise TooManyTries before it is looked at."""
        with logins.guessed(str(self.user.pk)) as right:
            code = str(super().clean_code())  # type: ignore[misc]
            if self.authenticator.type == Authenticator.Type.TOTP and not _use(self.user, code):
                raise get_mfa_adapter().validation_error("incorrect_code")
            right.append(True)
        return code


class AuthenticateForm(_Limited, mfa.AuthenticateForm):  # type: ignore[misc]
    """A code, after the password."""


class ReauthenticateForm(_Limited, mfa.ReauthenticateForm):  # type: ignore[misc]
    """A code, before something that matters."""


class ActivateTOTPForm(totp.ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app; nobody logs in with it."""

    def clean_code(self) -> str:
        """Return the code, which is used then."""
        code = str(super().clean_code())
        _use(self.user, code)
        return code


def _use(user: User, code: str) -> bool:
    return logins.use_once(str(user.pk), normalize_user_code(code))
