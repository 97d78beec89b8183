"""What allauth asks of this service: who may come in, where mails go, how secrets are kept."""

import base64
import hashlib
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from delivery.access import users
from gomail.login import mails, openid


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation or by the operator; mails go the way of all mails."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Let nobody sign up."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return what gomail/middleware.py has found; `::` for a client without an address."""
        return request.META.get("REMOTE_ADDR", "").partition("%")[0] or "::"

    def is_safe_url(self, url: str) -> bool:
        """Tell whether it is a page of the host that was asked."""
        secure = self.request.is_secure()
        return url_has_allowed_host_and_scheme(url, {self.request.get_host()}, require_https=secure)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link, at the address where people reach this installation."""
        return mails.at_public_url(self.request, super().get_reset_password_from_key_url(key))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send it by this service's own providers."""
        mail = self.render_mail(template_prefix, email, {"email": email, **context})
        mails.send(to=email, subject=mail.subject, text=str(mail.body))

    def format_email_subject(self, subject: str) -> str:
        """Put nothing before it."""
        return str(subject)

    def set_password(self, user: User, password: str) -> None:
        """Hash it before the transaction, which is slow, and record that it is another one."""
        user.set_password(password)
        users.store_password(user)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Whoever the provider of OpenID Connect vouches for comes in as the user of that address, if there is one."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Let nobody in who is not here."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find, connect or make the user, each change on record in its transaction; allauth then finds it done."""
        openid.arrive(request, sociallogin)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of codes are encrypted: a copy of the database alone makes none."""

    def get_totp_issuer(self) -> str:
        """Return what stands above the code in an app."""
        return "GoMail"

    def encrypt(self, text: str) -> str:
        """Encrypt by DJANGO_SECRET_KEY."""
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the text; a new secret, to which no code fits, if its key is among the present ones no more."""
        try:
            return _keys().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()


def _keys() -> MultiFernet:
    given = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(f"gomail.mfa {key}".encode()).digest() for key in given)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
