"""What allauth's settings are made of: who may log in by a provider of OpenID Connect, and which forms are ours."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from gomail import environment

ACCOUNT_FORMS = {
    "login": "gomail.login.forms.LoginForm",
    "reset_password": "gomail.login.forms.ResetPasswordForm",
    "reset_password_from_key": "gomail.login.forms.ResetPasswordKeyForm",
    "change_password": "gomail.login.forms.ChangePasswordForm",
}
MFA_FORMS = {
    "authenticate": "gomail.login.forms.AuthenticateForm",
    "reauthenticate": "gomail.login.forms.ReauthenticateForm",
    "activate_totp": "gomail.login.forms.ActivateTOTPForm",
    "add_webauthn": "gomail.login.keys.AddForm",
    "login_webauthn": "gomail.login.keys.LoginForm",
    "authenticate_webauthn": "gomail.login.keys.AuthenticateForm",
    "reauthenticate_webauthn": "gomail.login.keys.ReauthenticateForm",
}
LINKS = (
    "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # void with a login, another password or address
)
OIDC_ID = "oidc"  # in /accounts/oidc/oidc/login/callback/, which the provider has to be told


def oidc() -> dict[str, Any]:
    """Return SOCIALACCOUNT_PROVIDERS; empty unless GOMAIL_OIDC_ISSUER is set. Nothing is asked of the provider."""
    issuer = environment.text("GOMAIL_OIDC_ISSUER").rstrip("/")
    if not issuer:
        return {}
    if not issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ImproperlyConfigured("GOMAIL_OIDC_ISSUER has to begin with https://")
    application = {
        "provider_id": OIDC_ID,
        "name": environment.text("GOMAIL_OIDC_NAME", "single sign-on"),
        "client_id": _required("GOMAIL_OIDC_CLIENT_ID"),
        "secret": _required("GOMAIL_OIDC_CLIENT_SECRET"),
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [application], "OAUTH_PKCE_ENABLED": True}}


def _required(name: str) -> str:
    if value := environment.text(name):
        return value
    raise ImproperlyConfigured(f"{name} is empty; GOMAIL_OIDC_ISSUER needs it.")
