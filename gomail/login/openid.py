"""Who comes from the provider of OpenID Connect: found by what it knows them by, or by an address it vouches for."""

from typing import Any

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialLogin
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import Resolver404, resolve

from delivery.access import members, users
from delivery.models import Invitation
from gomail.login import invitations, ways

_LONGEST_NAME = 150  # of Django's users
_ENDED = " It vouches for your address: the password and whatever let you in before let nobody in any more."


def arrive(request: HttpRequest, came: SocialLogin) -> None:
    """Make sure of the user before allauth logs in, or connects; whom nobody knows it turns away."""
    if came.state.get("process") == "connect":
        _connect(request, came)
    elif came.is_existing:
        _prove(came, came.user)
    elif found := {user for address in _vouched(came) for user in users.at(address)}:
        _first_time(request, came, found)
    else:
        _join(request, came)


def _first_time(request: HttpRequest, came: SocialLogin, found: set[User]) -> None:
    """Connect the only user of the address, if active."""
    user = found.pop()
    if not found and user.is_active:
        with ways.recorded(user):
            came.connect(request, user)
            _prove(came, user)


def _connect(request: HttpRequest, came: SocialLogin) -> None:
    """Connect whoever is logged in; what belongs to somebody allauth refuses afterwards."""
    user: Any = request.user
    if came.is_existing or not user.is_authenticated:
        return
    if is_reauthentication_required(request, app="allauth.socialaccount"):  # it was confirmed too long ago
        messages.error(request, "Confirm that it is you, and try again.")
    else:
        with ways.recorded(user):
            came.connect(request, user)
            proved = _prove(came, user)
        update_session_auth_hash(request, user)
        messages.success(request, f"Connected.{_ENDED if proved else ''}")
    raise ImmediateHttpResponse(redirect("socialaccount_connections"))


def _prove(came: SocialLogin, user: User) -> bool:
    return users.folded(user.email) in _vouched(came) and ways.prove(user, by=came.account)


def _join(request: HttpRequest, came: SocialLogin) -> None:
    """Make a user of a person who was sent to the provider by an invitation to an address that it vouches for."""
    token = _invited_by(came)
    found = members.pending(token) if token else None
    if found is None or found.email not in _vouched(came) or users.clashes(invitations.new_user(found)):
        return
    said = came.user
    try:
        _become_member(request, came, token, found)
    except (members.Refused, IntegrityError):  # it was used at the same moment
        came.user = said  # nobody: allauth turns away
    else:
        came.state["next"] = "/admin/"


def _become_member(request: HttpRequest, came: SocialLogin, token: str, found: Invitation) -> None:
    user = invitations.new_user(found)
    user.first_name = _name(came)
    user.set_unusable_password()
    with transaction.atomic():
        user.save()
        with ways.recorded(user):
            members.accept(token, user)
            came.connect(request, user)


def _vouched(came: SocialLogin) -> set[str]:
    """Return the addresses that the provider has verified."""
    return {users.folded(str(box.email)) for box in came.email_addresses if box.verified}


def _invited_by(came: SocialLogin) -> str:
    """Return the token of the invitation that leads on from the login; empty: there is none."""
    try:
        onward = resolve(came.state.get("next") or "/")
    except Resolver404:
        return ""
    return str(onward.kwargs["token"]) if onward.url_name == "invitation" else ""


def _name(came: SocialLogin) -> str:
    said = f"{came.user.first_name} {came.user.last_name}".strip()
    return "".join(filter(str.isprintable, said))[:_LONGEST_NAME]
