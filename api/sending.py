"""From a draft to an email: checks the key's senders, decides whether the client waits, and sets the early answer."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api import early_answer, preferences
from api.authentication import key, may, team
from api.errors import ContractError
from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.content.drafts import Draft
from delivery.db import clock
from delivery.models import Email
from delivery.submission import emails
from providers.message import Mailbox


def allowed(request: Request, draft: Draft) -> Draft:
    """Return the draft if the request's key may send from its sender, and what is meant for this purpose."""
    refuse_sender(request, draft.sender)
    _refuse_purpose(request, draft.purpose)
    _refuse_priority(request, draft.priority)
    return draft


def refuse_sender(request: Request, sender: Mailbox) -> None:
    """Raise if the request's key may not send from this sender."""
    used = key(request)
    if used and not keys.may_send_from(used, sender):
        raise ContractError("sender_not_allowed", f"This API key may not send from {sender.address}.")


def refuse_change(request: Request, email: Email) -> None:
    """Raise if the request's key could not have sent this email: then it may not change it either."""
    refuse_sender(request, Mailbox(address=email.from_address))
    _refuse_purpose(request, email.purpose)


def refuse_sending_again(request: Request, email: Email) -> None:
    """Raise if the request's key could not send this email now."""
    refuse_change(request, email)
    _refuse_priority(request, email.priority)


def refuse_naming(request: Request) -> None:
    """Raise if the request's key may change what was sent, but not say who gets it."""
    if not may(request, Scope.EMAILS_SEND):
        raise ContractError("scope_missing", f"Another address needs the scope {Scope.EMAILS_SEND}, too.")


def _refuse_purpose(request: Request, purpose: str) -> None:
    used, needed = key(request), Scope.ESSENTIAL_SEND
    if used and purpose == Email.Purpose.ESSENTIAL and not used.may(needed):
        raise ContractError(
            "scope_missing", f"The purpose {purpose} needs an API key with the scope {needed}."
        )


def _refuse_priority(request: Request, priority: str) -> None:
    needed = Scope.PRIORITY_HIGH
    if priority == Email.Priority.HIGH and not may(request, needed):
        raise ContractError(
            "scope_missing", f"The priority {priority} needs an API key with the scope {needed}."
        )


def send(request: Request, draft: Draft, told: Callable[[Request, Email], Response]) -> Email:
    """Hand the email over now, or leave it to a worker if the client does not wait or the email is scheduled.

    If it takes too long, the client gets the email's current status as an early answer.
    """
    given: dict[str, Any] = {
        "team": team(request),
        "key": key(request),
        "key_use": preferences.key_use(request, draft=draft),
    }
    if preferences.wants_async(request) or draft.is_for_later(clock.now()):
        return emails.accept(draft, **given)
    return emails.send(draft, **given, accepted=lambda email: _leave(request, email, told))


def _leave(request: Request, email: Email, told: Callable[[Request, Email], Response]) -> None:
    def so_far() -> tuple[int, Mapping[str, str], bytes]:
        answer = told(request, email)
        return answer.status_code, dict(answer.items()), JSONRenderer().render(answer.data)

    early_answer.leave(request.META, so_far)
