"""The ways in of a person beside the password: factors, passkeys, accounts at a provider of OpenID Connect.

What changes in them is recorded in the transaction of the change; allauth's signals come after it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.db import transaction

from delivery.access import actor, audit, users

_Ways = dict[tuple[str, int], dict[str, Any]]  # what kind of way, and its key: what the audit says of it


@contextmanager
def recorded(user: User) -> Iterator[None]:
    """Record in one transaction how the user's ways in differ after the block."""
    with transaction.atomic(), actor.acting(actor.member(user.pk, user.get_username())):
        before = _of(user)
        yield
        after = _of(user)
        for way in sorted(before.keys() | after.keys()):
            _record(user, way[0], before.get(way), after.get(way))


def end(user: User, sessions: Iterable[UserSession]) -> None:
    """End sessions of a user, with an entry for all of them together."""
    with transaction.atomic(), actor.acting(actor.member(user.pk, user.get_username())):
        ended = [session.end() for session in sessions]
        if ended:
            audit.record("session.ended", "user", user.pk, team=None, after={"count": len(ended)})


def prove(user: User, by: SocialAccount | None = None) -> bool:
    """Note that the address was proved. The first time, whatever let anybody in before goes; tell whether it was.

    The password goes, too, if the provider has vouched; a link by mail has just set another one.
    """
    with recorded(user):
        first = users.prove(user)
        if first:
            Authenticator.objects.filter(user=user).delete()
            SocialAccount.objects.filter(user=user).exclude(pk=by and by.pk).delete()
            end(user, UserSession.objects.filter(user=user))
        if first and by:
            user.set_unusable_password()
            users.store_password(user)
    return first


def _record(user: User, kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if before == after:
        return
    verb = "added" if before is None else "removed" if after is None else "changed"
    audit.record(f"{kind}.{verb}", "user", user.pk, team=None, before=before, after=after)


def _of(user: User) -> _Ways:
    factors = Authenticator.objects.filter(user=user)
    accounts = SocialAccount.objects.filter(user=user)
    return {
        **{("factor", one.pk): _factor(one) for one in factors},
        **{("openid", one.pk): {"provider": one.provider, "uid": one.uid} for one in accounts},
    }


def _factor(one: Authenticator) -> dict[str, Any]:
    name = {"name": str(one.wrap().name)} if one.type == Authenticator.Type.WEBAUTHN else {}
    return {"type": str(one.type), **name}
