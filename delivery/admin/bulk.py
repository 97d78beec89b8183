"""Orders about many emails of the log: those that were ticked, or all that a list shows, with a look before."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse

from delivery.access import audit
from delivery.admin import orders, pages
from delivery.models import Email
from delivery.submission import cancelling, resending

PICKED: Final = "pick"  # ids of what was ticked
_UNTIL: Final = "until"  # the newest id that was shown: what comes later is not meant
_MOST: Final = 10_000  # counted, and cancelled at once
_SHOWN: Final = 10
_PATIENCE: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """One of the orders."""

    word: str
    button: str
    question: str
    most: int
    possible: Callable[[QuerySet[Email]], QuerySet[Email]]
    give: Callable[[HttpRequest, QuerySet[Email], list[UUID], dict[str, str]], None]


def _waiting(emails: QuerySet[Email]) -> QuerySet[Email]:
    return Email.objects.waiting().filter(pk__in=_keys(emails, _MOST))


def _resendable(emails: QuerySet[Email]) -> QuerySet[Email]:
    return resending.possible(Email.objects.filter(pk__in=_keys(emails, _MOST)))


def _cancel(request: HttpRequest, emails: QuerySet[Email], keys: list[UUID], asked: dict[str, str]) -> None:
    number = 0
    for team in set(emails.filter(pk__in=keys).order_by().values_list("team", flat=True)):
        mine = Email.objects.waiting().filter(pk__in=keys, team=team)
        after = {"filter": asked, "count": mine.count()}

        def record(team: int | None = team, after: dict[str, Any] = after) -> None:
            audit.record("emails.cancelled", "emails", "", team=team, after=after)

        number += cancelling.cancel_all(mine, seconds=_PATIENCE, record=record)
    messages.success(request, f"{number:,} cancelled.")


def _resend(request: HttpRequest, emails: QuerySet[Email], keys: list[UUID], asked: dict[str, str]) -> None:
    resending.on_record(emails, keys, asked)
    done = resending.resend_all(keys, resending.Order())
    messages.success(request, f"{done.sent:,} sent again.")
    for reason, count in done.refused(orders.why).most_common(5):
        messages.warning(request, f"{count:,} not: {reason}")
    if done.left:
        messages.warning(request, f"{done.left:,} are left; give the order once more.")


CANCEL: Final = Bulk(
    word="cancel",
    button="Cancel them",
    question="Cancel these emails?",
    most=_MOST,
    possible=_waiting,
    give=_cancel,
)
RESEND: Final = Bulk(
    word="resend",
    button="Send them again",
    question="Send these emails again?",
    most=resending.MOST,
    possible=_resendable,
    give=_resend,
)
BULKS: Final = (CANCEL, RESEND)


def page(model_admin: Any, request: HttpRequest, bulk: Bulk) -> HttpResponse:
    """Show on GET how many are meant and what they are; do it on POST."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    asked = request.GET.copy()
    emails = _chosen(model_admin, request)
    if request.method == "POST":
        keys = _keys(bulk.possible(_up_to(emails, request.POST.get(_UNTIL, ""))), bulk.most)
        bulk.give(request, emails, keys, _told(asked))
        return HttpResponseRedirect(_list(asked))
    return TemplateResponse(
        request, "delivery/bulk.html", {**_context(model_admin, request, emails, bulk), "back": _list(asked)}
    )


def _chosen(model_admin: Any, request: HttpRequest) -> QuerySet[Email]:
    """Return the emails of the list that was looked at, or those ticked in it, that the person may manage."""
    picked = [pages.id_of(each) for each in request.GET.get(PICKED, "").split(",") if each]
    if picked:
        return model_admin.rows(request, orders.CANCEL.scope).filter(pk__in=picked)  # type: ignore[no-any-return]
    return model_admin.visible(request, model_admin.listed(request), orders.CANCEL.scope)  # type: ignore[no-any-return]


def _context(model_admin: Any, request: HttpRequest, emails: QuerySet[Email], bulk: Bulk) -> dict[str, Any]:
    meant = bulk.possible(emails).order_by("-id")
    keys = _keys(meant, bulk.most + 1)
    statuses = Counter(Email.objects.filter(pk__in=keys).order_by().values_list("status", flat=True))
    twice = (
        resending.that_may_arrive_twice(Email.objects.filter(pk__in=keys)).count() if bulk is RESEND else 0
    )
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": bulk.button,
        "bulk": bulk,
        "count": min(len(keys), bulk.most),
        "more": len(keys) > bulk.most,
        "others": len(_keys(emails, _MOST)) - len(keys),
        "statuses": [
            (pages.label(name, Email.Status(name).label), number) for name, number in statuses.items()
        ],
        "twice": twice,
        "shown": [(row, pages.subject(row)) for row in _first(keys)],
        "until": keys[0] if keys else "",
    }


def _first(keys: list[UUID]) -> list[Email]:
    columns = ("id", "subject", "status", "created_at")
    return list(Email.objects.filter(pk__in=keys[:_SHOWN]).only(*columns).order_by("-id"))


def _up_to(emails: QuerySet[Email], newest: str) -> QuerySet[Email]:
    try:
        return emails.filter(pk__lte=UUID(newest))
    except ValueError as error:
        raise BadRequest("It is not said up to which email.") from error


def _keys(emails: QuerySet[Email], most: int) -> list[UUID]:
    return list(emails.order_by("-id").values_list("pk", flat=True)[:most])


def _told(asked: QueryDict) -> dict[str, str]:
    return {name: str(value) for name, value in asked.items() if value and name != PICKED} or {
        "ticked": "one by one"
    }


def _list(asked: QueryDict) -> str:
    kept = {name: value for name, value in asked.items() if name != PICKED}
    return reverse("admin:delivery_email_changelist") + (f"?{urlencode(kept)}" if kept else "")
