"""Resending and cancelling an email by a person: asked for on GET, done on POST."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from delivery.access.limits import Over
from delivery.access.pauses import Paused
from delivery.admin import pages
from delivery.models import Email
from delivery.models.email import FINISHED, NOT_SENT_YET
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import changes

_WAITS: Final = frozenset(NOT_SENT_YET)
_GONE: Final = "Its body or an attachment is not kept any more, so it cannot be sent again."
_TOO_LATE: Final = "Its status does not allow that any more."


@dataclass(frozen=True, kw_only=True)
class Order:
    """One of the two orders."""

    word: str  # in the URL of its page
    button: str
    question: str
    points: Sequence[str]
    give: Callable[[Email], Email]  # returns the email whose page is shown next
    done: str


def _cancel(email: Email) -> Email:
    changes.cancel(email)
    return email


CANCEL: Final = Order(
    word="cancel",
    button="Cancel it",
    question="Cancel this email?",
    points=(
        "It is not sent. What a provider has taken already cannot be called back.",
        "If a provider may have taken it, it stays unknown and is not sent again.",
    ),
    give=_cancel,
    done="It is cancelled.",
)
RESEND: Final = Order(
    word="resend",
    button="Send it again",
    question="Send this email again?",
    points=(
        "A new email with the same content goes to the same recipients, without those who are suppressed.",
        "Whoever got the first one gets it twice.",
    ),
    give=changes.resend,
    done="It is sent again, as this new email.",
)
ORDERS: Final = (RESEND, CANCEL)


def possible(email: Email) -> list[Order]:
    """Return the orders that the email's status allows."""
    waits_in_doubt = email.status == Email.Status.UNKNOWN and email.due_at is not None
    if email.status in _WAITS or waits_in_doubt:
        return [CANCEL]
    return [RESEND] if email.status in FINISHED or email.status == Email.Status.UNKNOWN else []


def page(model_admin: Any, request: HttpRequest, email: Email, order: Order) -> HttpResponse:
    """Show the question on GET, do it on POST."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST":
        return HttpResponseRedirect(_page_of(_given(model_admin, request, email, order)))
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "object": email,
        "title": order.button,
        "subject": email.subject.strip() or pages.NO_SUBJECT,
        "order": order,
        "recipients": email.recipients.all(),
        "back": _page_of(email),
    }
    return TemplateResponse(request, "delivery/order.html", context)


def _given(model_admin: Any, request: HttpRequest, email: Email, order: Order) -> Email:
    """Give the order, and return the email to be shown; say why if it cannot be done."""
    try:
        with transaction.atomic():
            shown = order.give(email)
            model_admin.log_change(request, email, order.done)
    except changes.TooLate:
        messages.warning(request, _TOO_LATE)
    except changes.ContentGone:
        messages.warning(request, _GONE)
    except (AllSuppressed, Over, Paused) as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, order.done)
        return shown
    return email


def _page_of(email: Email) -> str:
    return reverse("admin:delivery_email_change", args=[email.pk])
