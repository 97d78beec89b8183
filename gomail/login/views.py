"""Pages of the login that allauth has not, or has otherwise."""

from http import HTTPStatus
from typing import Any, NoReturn

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.decorators import login_not_required
from allauth.core.internal.httpkit import authenticated_user
from allauth.socialaccount.providers.openid_connect import views as openid
from allauth.usersessions.models import UserSession
from allauth.utils import get_request_param
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from gomail.login import pages, ways


def nothing(request: HttpRequest) -> NoReturn:
    """Answer 404 where allauth has a page that is not wanted, whose address it names."""
    raise Http404


@login_required
@require_http_methods(["GET", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """List where the person is logged in; end one of the sessions, or all others."""
    found = UserSession.objects.purge_and_list(authenticated_user(request))
    if request.method == "POST":
        return _end(request, [one for one in found if not one.is_current()])
    found.sort(key=lambda one: (not one.is_current(), -one.created_at.timestamp()))
    return render(request, "usersessions/usersession_list.html", {"sessions": found})


def _end(request: HttpRequest, others: list[UserSession]) -> HttpResponse:
    chosen = request.POST.get("session", "")
    ended = [one for one in others if chosen in ("", str(one.pk))]
    ways.end(authenticated_user(request), ended)
    told = {0: "That session has ended already.", 1: "The session has ended."}
    messages.success(request, told.get(len(ended), f"{len(ended)} sessions have ended."))
    return redirect("usersessions_list")


@login_not_required
def oidc_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the provider by a page of its own: the policy lets forms lead only to us."""
    if get_request_param(request, "process") == "connect":
        confirmed: HttpResponse = _connected(request, provider_id)
        return confirmed
    return _asked(request, lambda: openid.login(request, provider_id))


@reauthentication_required(app="allauth.socialaccount")
def _connected(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _asked(request, lambda: openid.login(request, provider_id))


@login_not_required
def oidc_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the provider's answer."""
    return _asked(request, lambda: openid.callback(request, provider_id))


def _asked(request: HttpRequest, ask: Any) -> HttpResponse:
    try:
        answer: HttpResponse = ask()
    except OSError:  # the provider cannot be reached, or talks nonsense
        return render(request, "socialaccount/authentication_error.html", status=HTTPStatus.BAD_GATEWAY)
    if answer.status_code == HTTPStatus.FOUND and answer["Location"].startswith(("https://", "http://")):
        return render(request, "socialaccount/login_redirect.html", {"redirect_to": answer["Location"]})
    return answer


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that this page is for others, and who is logged in."""
    return render(request, "login/forbidden.html", pages.context(request), status=HTTPStatus.FORBIDDEN)
