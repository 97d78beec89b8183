"""Whoever changes how he gets in leaves an entry of the audit, in the transaction of the change."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client

from delivery.access import audit
from delivery.models import AuditEntry, Email
from gomail.login import mails
from tests.gomail.login.people import PASSWORD, code, factors, link_in, log_in, person, with_app, with_passkey
from tests.gomail.login.providers import ASKED, come, provider

__all__ = ["provider"]
pytestmark = pytest.mark.django_db

NEW = "staple battery horse"


def set_up_app(client: Client) -> None:
    client.get("/accounts/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    client.post("/accounts/2fa/totp/activate/", {"code": code(secret)})


def take_app_away(client: Client) -> None:
    client.post("/accounts/2fa/totp/deactivate/")


def make_codes(client: Client) -> None:
    client.post("/accounts/2fa/recovery-codes/generate/")


def rename_key(client: Client) -> None:
    key = Authenticator.objects.get(type="webauthn").pk
    client.post(f"/accounts/2fa/webauthn/keys/{key}/edit/", {"name": "hers"})


def remove_key(client: Client) -> None:
    key = Authenticator.objects.get(type="webauthn").pk
    client.post(f"/accounts/2fa/webauthn/keys/{key}/remove/")


def change_password(client: Client) -> None:
    fields = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    client.post("/accounts/password/change/", fields)


def reset_password(client: Client) -> None:
    nobody = Client()
    nobody.post("/accounts/password/reset/", {"email": "anna@example.org"})
    link = link_in(Email.objects.get().text_body).removeprefix("http://testserver")
    nobody.post(nobody.get(link)["Location"], {"password1": NEW, "password2": NEW})


def end_sessions(client: Client) -> None:
    log_in(Client())
    client.post("/accounts/sessions/")


def disconnect(client: Client) -> None:
    client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})


CHANGES: list[tuple[Callable[[Client], None], list[str]]] = [
    (set_up_app, ["factor.added", "factor.added"]),  # with its recovery codes
    (take_app_away, ["factor.removed"]),
    (make_codes, ["factor.added", "factor.removed"]),
    (rename_key, ["factor.changed"]),
    (remove_key, ["factor.removed"]),
    (change_password, ["user.password_changed"]),
    (reset_password, ["user.password_changed"]),
    (end_sessions, ["session.ended"]),
    (disconnect, ["openid.removed"]),
]


@pytest.fixture
def anna(client: Client, monkeypatch: Any, provider: Any, request: Any) -> User:
    """Somebody who has all that the change needs, and has just confirmed who she is."""
    monkeypatch.setattr(mails, "_EVEN", 0.0)
    user = person(is_staff=True)
    log_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    SocialAccount.objects.create(user=user, provider="oidc", uid="4711")
    change = request.node.callspec.params["change"]
    if change not in (set_up_app, end_sessions):
        with_passkey(user)
        with_app(user)
        RecoveryCodes.activate(user)
    return user


def state(user: User) -> Any:
    user.refresh_from_db()
    keys = [(one.pk, one.data.get("name")) for one in Authenticator.objects.order_by("pk")]
    return keys, SocialAccount.objects.count(), user.password


def entries() -> list[str]:
    return sorted(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.parametrize(("change", "actions"), CHANGES)
def test_each_change_leaves_its_entry(
    client: Client, anna: User, change: Callable[[Client], None], actions: list[str]
) -> None:
    change(client)
    assert entries() == actions
    for entry in AuditEntry.objects.all():
        assert (entry.actor_kind, entry.actor_id, entry.object_id) == ("member", str(anna.pk), str(anna.pk))
        assert entry.address == "127.0.0.1"
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(("change", "actions"), [one for one in CHANGES if one[0] is not end_sessions])
def test_what_cannot_be_recorded_is_not_done(
    client: Client, anna: User, change: Callable[[Client], None], actions: list[str], monkeypatch: Any
) -> None:
    before = state(anna)

    def full(*args: Any, **fields: Any) -> None:
        raise OSError("No space left")

    monkeypatch.setattr(audit, "record", full)
    with pytest.raises(OSError, match="No space"):
        change(client)
    assert state(anna) == before


def test_connecting_leaves_an_entry(client: Client, provider: Any) -> None:
    person()
    log_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    come(client, provider, f"{ASKED}?process=connect", email="anna@example.net")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == ("openid.added", {"provider": "oidc", "uid": "4711"})
    assert factors(User.objects.get()) == []


def test_secrets_are_in_no_entry(client: Client) -> None:
    log_in(client, person().username)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    set_up_app(client)
    told = str(list(AuditEntry.objects.values("before", "after")))
    for row in Authenticator.objects.all():
        assert all(str(value) not in told for value in row.data.values())
    assert auth.SECRET_SESSION_KEY not in client.session
