"""Accepting an invitation: a new person chooses a name and a password, somebody who has an account logs in first."""

from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django import forms
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import get_random_string
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from delivery.access import logins, members, tries, users
from delivery.models import Invitation

_LONGEST_NAME = 150  # of Django's users


class NewPerson(forms.Form):
    """A name and a password."""

    name = forms.CharField(
        max_length=_LONGEST_NAME, widget=forms.TextInput({"autocomplete": "name", "autofocus": True})
    )
    password = forms.CharField(strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"}))
    again = forms.CharField(
        label="Password again", strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def __init__(self, invitation: Invitation, *args: Any, **kwargs: Any) -> None:
        """Know for whom it is."""
        super().__init__(*args, **kwargs)
        self.user = new_user(invitation)

    def clean(self) -> dict[str, Any]:
        """Refuse passwords that differ, and weak ones."""
        cleaned = self.cleaned_data
        if users.clashes(self.user):
            self.add_error(None, f"{users.CLASH} Ask whoever runs this service.")
        self.user.first_name = cleaned.get("name", "")
        if "password" in cleaned and "again" in cleaned and cleaned["password"] != cleaned["again"]:
            self.add_error("again", "The two passwords differ.")
        elif "password" in cleaned:
            try:
                validate_password(cleaned["password"], self.user)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the person is invited to; make a member of whoever accepts. 404 for any token that is not open."""
    tries.refuse(logins.TOKENS, tries.network(request.META.get("REMOTE_ADDR", "")))
    found = members.pending(token)
    if found is None:
        return _not_open(request)
    if request.user.is_authenticated:
        return _as_user(request, found, token)
    if users.at(found.email):
        return render(request, "login/invited_known.html", {"invitation": found})
    return _as_new(request, found, token)


def _not_open(request: HttpRequest) -> HttpResponse:
    """Say that the link is worth nothing, whatever it was; who tries many is locked."""
    tries.take(logins.TOKENS, tries.network(request.META.get("REMOTE_ADDR", "")))
    return render(request, "login/invitation_over.html", status=HTTPStatus.NOT_FOUND)


def _as_user(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    user: Any = request.user
    if request.method == "GET" or users.folded(user.email) != found.email:
        told = {"invitation": found, "other": users.folded(user.email) != found.email}
        return render(request, "login/invited.html", told)
    try:
        member = members.accept(token, user)
    except members.AlreadyMember:
        return redirect("/admin/")
    except members.Refused:
        return _not_open(request)
    messages.success(request, f"You belong to {member.team} now, as {member.get_role_display()}.")
    return redirect("/admin/")


def _as_new(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    form = NewPerson(found, request.POST or None)
    if not (request.method == "POST" and form.is_valid()):
        return render(request, "login/invited_new.html", {"invitation": found, "form": form})
    form.user.set_password(form.cleaned_data["password"])  # before the transaction: it is slow
    try:
        with transaction.atomic():
            form.user.save()
            users.note_newcomer(form.user)
            request.user = form.user  # who joins, says the audit
            members.accept(token, form.user)
    except (members.Refused, IntegrityError):  # IntegrityError: it was sent twice
        request.user = AnonymousUser()
        return _not_open(request)
    record_authentication(request, form.user, "password", username=form.user.username)
    answer: HttpResponse = perform_login(
        request, form.user, email_verification="none", redirect_url="/admin/"
    )
    return answer


def new_user(invitation: Invitation) -> User:
    """Return a user for a person who was not here before, not stored yet."""
    return User(username=_username(invitation.email), email=invitation.email)


def _username(address: str) -> str:
    """Return the address, or a name made up where it can be none; one logs in by the address in either case."""
    try:
        UnicodeUsernameValidator()(address)
    except ValidationError:
        return f"person-{get_random_string(12)}"
    taken = len(address) > _LONGEST_NAME or User.objects.filter(username=address).exists()
    return f"person-{get_random_string(12)}" if taken else address
