"""Settling of unknown emails by a person: confirmation on GET, settled on POST."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from delivery.admin import pages
from delivery.models import Attempt, Email
from delivery.sending import unknown


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One of the two decisions."""

    word: str  # in the URL of its page
    button: str
    settle: Callable[..., bool]
    done: str
    history: str


SENT = Answer(
    word="was-sent",
    button="It was sent",
    settle=unknown.confirm,
    done="Settled: it was sent.",
    history="Settled as sent.",
)
NOT_SENT = Answer(
    word="was-not-sent",
    button="It was not sent: send it again",
    settle=unknown.deny,
    done="Settled: it was not sent. It is queued, and sent as soon as a worker is free.",
    history="Settled as not sent, and queued again.",
)
ANSWERS = (SENT, NOT_SENT)


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """The unknown attempts of an email."""

    attempts: list[tuple[Attempt, str]]  # each with its detail, newest last
    tells_reason: bool  # the detail of one of them begins with the email's reason
    again: SafeString | str  # whether it is sent again automatically


def doubt(email: Email, now: datetime) -> Doubt | None:
    """Return the unknown attempts of an unknown email; None for other statuses."""
    if email.status != Email.Status.UNKNOWN:
        return None
    attempts = _unknown_attempts(email)
    again = _again(email, attempts, now) if email.due_at else _never(email, attempts, now)
    tells_reason = any(row.detail.startswith(email.reason) for row in attempts)
    return Doubt(
        attempts=[(row, _said(email, row)) for row in attempts], tells_reason=tells_reason, again=again
    )


def _said(email: Email, row: Attempt) -> str:
    """Return what is known of an attempt; in the email's words where the detail has the exception's behind them."""
    said = email.reason if email.reason and row.detail.startswith(email.reason) else row.detail
    return said.removeprefix(f"{row.provider}: ")


def page(model_admin: Any, request: HttpRequest, email: Email, answer: Answer) -> HttpResponse:
    """Show the confirmation page on GET, settle on POST."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST":
        return _settle(model_admin, request, email, answer)
    return TemplateResponse(request, "delivery/settle.html", _context(model_admin, request, email, answer))


def _settle(model_admin: Any, request: HttpRequest, email: Email, answer: Answer) -> HttpResponse:
    with transaction.atomic():  # never settle without the log entry that names the person
        settled = answer.settle(email, by=request.user.get_username())
        if settled:
            model_admin.log_change(request, email, answer.history)
    if settled:
        messages.success(request, answer.done)
    else:
        messages.warning(request, "Nothing was changed: it was settled meanwhile, or is being sent again.")
    return HttpResponseRedirect(_page_of(email))


def _context(model_admin: Any, request: HttpRequest, email: Email, answer: Answer) -> dict[str, Any]:
    attempts = _unknown_attempts(email)
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "object": email,
        "title": answer.button,
        "subject": email.subject.strip() or pages.NO_SUBJECT,
        "answer": answer,
        "was_sent": answer is SENT,
        "in_doubt": email.status == Email.Status.UNKNOWN,
        "status": pages.label(email.status, email.get_status_display()),
        "provider": attempts[-1].provider if attempts else "",
        "back": _page_of(email),
    }


def _unknown_attempts(email: Email) -> list[Attempt]:
    return [row for row in email.attempts.all() if row.outcome == Attempt.Outcome.UNKNOWN]


def _again(email: Email, attempts: list[Attempt], now: datetime) -> SafeString | str:
    first = f" {attempts[-1].provider} is asked first, if it is in use." if attempts else ""
    if not email.due_at or email.due_at <= now:
        return f"It is sent again automatically as soon as a worker is free, marked as a possible duplicate.{first}"
    when = pages.moment(email.due_at)
    return format_html("It is sent again automatically at {}, marked as a possible duplicate.{}", when, first)


def _never(email: Email, attempts: list[Attempt], now: datetime) -> str:
    if email.on_ambiguous == Email.OnAmbiguous.STOP:
        why = ": whoever sent it asked for that (on_ambiguous is stop)"
    elif len(attempts) >= unknown.MOST:
        why = f": {len(attempts)} attempts have ended without an answer"
    elif email.expires_at <= now:
        why = ": its deadline has passed"
    else:
        why = ""
    return f"It is not sent again automatically{why}. It waits for a person."


def _page_of(email: Email) -> str:
    return reverse("admin:delivery_email_change", args=[email.pk])
