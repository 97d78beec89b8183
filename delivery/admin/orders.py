"""What a person does about one email: asked for on GET, done on POST."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from delivery.access.scopes import Scope
from delivery.admin import order_forms, pages
from delivery.models import Email
from delivery.models.email import FINISHED, NOT_SENT_YET
from delivery.submission import changes, resending
from delivery.submission.backpressure import Overloaded
from delivery.suppressions import entries

_WAITS: Final = frozenset(NOT_SENT_YET)
_GONE: Final = "Its body or an attachment is not kept any more, so it cannot be sent again."
_TOO_LATE: Final = "Its status does not allow that any more."
_SENT_AGAIN: Final = "It has been sent again since that question was put."
_OVERLOADED: Final = "Too many emails wait already. Try again in a minute."
Given = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Order:
    """One thing that a person may do about an email."""

    word: str  # in the URL of its page
    button: str
    question: str
    points: Sequence[str]
    give: Callable[[Email, Given], Email]  # returns the email whose page is shown next
    done: str
    scope: str = Scope.EMAILS_MANAGE
    form: type[forms.Form] = forms.Form
    danger: bool = False
    allowed: Callable[[Email], bool]


def _waits(email: Email) -> bool:
    return email.status in _WAITS or (email.status == Email.Status.UNKNOWN and email.due_at is not None)


def _is_over(email: Email) -> bool:
    return not _waits(email) and email.status in (*FINISHED, Email.Status.UNKNOWN, Email.Status.QUARANTINED)


def _is_scheduled(email: Email) -> bool:
    return bool(email.status == Email.Status.SCHEDULED)


def _cancel(email: Email, _: Given) -> Email:
    changes.cancel(email)
    return email


def _resend(email: Email, given: Given) -> Email:
    def in_transaction() -> None:
        if given["known"] is not None:
            resending.refuse_another(email.pk, known=given["known"])

    return changes.resend(email, to=given.get("to", ()), in_transaction=in_transaction)


def _reschedule(email: Email, given: Given) -> Email:
    changes.reschedule(email, given["at"])
    return email


def _suppress(email: Email, given: Given) -> Email:
    entries.enter(order_forms.finding(email, given))
    return email


RESEND: Final = Order(
    word="resend",
    button="Send it again",
    question="Send this email again?",
    points=(
        "A new email with the same content goes to the same recipients, without those who are suppressed.",
        "Whoever got the first one gets it twice.",
    ),
    give=_resend,
    form=order_forms.Again,
    done="It is sent again, as this new email.",
    danger=True,
    allowed=_is_over,
)
RESEND_TO: Final = Order(
    word="resend-to",
    button="Send it to another address",
    question="Send this email to another address?",
    points=(
        "A new email with the same content goes to this address alone, not to the first recipients.",
        "Its text may hold what was meant for the first recipient only: a link that signs in, a code.",
    ),
    give=_resend,
    done="It is sent to the other address, as this new email.",
    scope=Scope.EMAILS_SEND,  # whoever names the recipient reads the content
    form=order_forms.OtherAddress,
    danger=True,
    allowed=_is_over,
)
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
    danger=True,
    allowed=_waits,
)
RESCHEDULE: Final = Order(
    word="reschedule",
    button="Send it at another time",
    question="When is it to be sent?",
    points=("Its deadline moves by the same span.", "A time that has passed means now."),
    give=_reschedule,
    done="It leaves at the new time.",
    form=order_forms.NewTime,
    allowed=_is_scheduled,
)
SUPPRESS: Final = Order(
    word="suppress",
    button="Suppress an address",
    question="Write to whom no more?",
    points=(
        "No email of this team goes to the address from now on, whatever it is about.",
        "What is being sent at this moment still arrives.",
    ),
    give=_suppress,
    done="The address is suppressed.",
    scope=Scope.SUPPRESSIONS_WRITE,
    form=order_forms.Address,
    danger=True,
    allowed=lambda _: True,
)
ORDERS: Final = (RESEND, RESEND_TO, CANCEL, RESCHEDULE, SUPPRESS)


def possible(email: Email, may: Callable[[str], bool]) -> list[Order]:
    """Return the orders that the email's status and the person's scopes allow."""
    return [order for order in ORDERS if order.allowed(email) and may(order.scope)]


def page(model_admin: Any, request: HttpRequest, email: Email, order: Order) -> HttpResponse:
    """Show the question on GET, do it on POST."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    form = order.form(
        request.POST if request.method == "POST" else None, **order_forms.about(order.form, email)
    )
    if request.method == "POST" and form.is_valid():
        given = {**form.cleaned_data, "by": request.user.get_username()}
        return HttpResponseRedirect(_page_of(_given(model_admin, request, email, order, given)))
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "object": email,
        "title": f"{order.button}: {pages.subject(email)}",
        "subject": pages.subject(email),
        "order": order,
        "form": form,
        "recipients": email.recipients.all(),
        "back": _page_of(email),
    }
    return TemplateResponse(request, "delivery/order.html", context)


def _given(model_admin: Any, request: HttpRequest, email: Email, order: Order, given: Given) -> Email:
    """Give the order, and return the email to be shown; say why if it cannot be done."""
    try:
        with transaction.atomic():
            shown = order.give(email, given)
            model_admin.log_change(request, email, order.done)
    except resending.REFUSALS as refusal:
        messages.warning(request, why(refusal))
    else:
        messages.success(request, order.done)
        return shown
    return email


def why(refusal: Exception) -> str:
    """Return in a sentence why an order was refused."""
    if isinstance(refusal, resending.SentAgain):
        return _SENT_AGAIN
    if isinstance(refusal, changes.TooLate):
        return _TOO_LATE
    if isinstance(refusal, changes.ContentGone):
        return _GONE
    if isinstance(refusal, Overloaded):
        return _OVERLOADED
    return str(refusal) or "No provider can carry it: none is in use."


def _page_of(email: Email) -> str:
    return reverse("admin:delivery_email_change", args=[email.pk])
