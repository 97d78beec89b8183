"""The answers about an accepted email."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from api import errors, preferences
from api.authentication import may
from api.email_shapes import MAY_READ_CONTENT, EmailSerializer
from api.errors import ContractError, shape
from delivery.access.scopes import Scope
from delivery.models import Email
from delivery.models.email import NOT_SENT_YET
from delivery.sending import scanning, suppressed
from providers import failpoints

ACCEPTED = "Email sent to recipients"
MESSAGES = {
    Email.Status.SENT: ACCEPTED,
    Email.Status.PARTIAL: "Email sent to some recipients; the provider rejected the others",
    Email.Status.QUEUED: "No provider could take the email now; it is kept and will be offered again",
    Email.Status.UNKNOWN: "A provider may or may not have taken the email; it is kept and not sent again by itself",
    Email.Status.SENDING: "The email is being handed over",
    Email.Status.SCHEDULED: "The email is accepted and will be sent at its time",
    Email.Status.CANCELLED: "The email was cancelled before it was sent",
    Email.Status.QUARANTINED: "The email is in quarantine: it crashed the processes that tried to send it",
    Email.Status.EXPIRED: "No provider could take the email before its deadline",
    Email.Status.FAILED: "The email was not sent; its record says why",
}
SENT_TO_THE_REST = "Email sent to recipients, without those that are suppressed"
ACCEPTED_FOR_LATER = "The email is accepted and will be sent"
NOT_SCANNED = "The attachments could not be scanned yet; the email is kept and will be sent once they are"
_TOLD_BY_REASON = (suppressed.CODE, *scanning.CODES)  # codes that a reason may begin with
SENT_AGAIN = (
    "A provider may or may not have taken the email; it will be sent again and marked possible_duplicate"
)


def message_of(email: Email) -> str:
    """Return the status of an email as a sentence."""
    if email.status == Email.Status.UNKNOWN and email.due_at is not None:
        return SENT_AGAIN
    if email.suppressed and email.status == Email.Status.SENT:
        return SENT_TO_THE_REST
    if scanning.is_awaited(email) and email.status in NOT_SENT_YET:
        return NOT_SCANNED
    untried = email.status == Email.Status.QUEUED and not email.rounds
    return ACCEPTED_FOR_LATER if untried else MESSAGES[Email.Status(email.status)]


def _left_out(email: Email) -> dict[str, list[str]]:
    return {"suppressed": list(email.suppressed)} if email.suppressed else {}


def _code(email: Email) -> str:
    """Return the code of the reason why an email has failed."""
    word = email.reason.partition(":")[0]
    return word if word in _TOLD_BY_REASON else "refused_by_provider"


def whole(request: Request, email: Email) -> Response:
    """Answer with the whole email, its bodies only if the key may read them."""
    context = {MAY_READ_CONTENT: may(request, Scope.EMAILS_CONTENT)}
    shown = EmailSerializer(email, context=context).data
    return Response({"success": True, "message": "The email", **shown})


def twice(count: int, warning: str) -> dict[str, Any]:
    """Return what the answer to a resend says of the emails that somebody may get twice."""
    return {"possible_duplicates": count, **({"warning": warning} if count else {})}


def taken(request: Request, email: Email, more: Mapping[str, Any] | None = None) -> Response:
    """Answer with an email's status: 200 if a provider accepted it, 202 while we still have it, 400 if it failed.

    `more`: what a resend's answer holds beside.
    """
    failpoints.reach("before-answer")
    where: dict[str, Any] = {"id": str(email.pk), "status": email.status, "provider": email.provider}
    where |= more or {}
    if email.status == Email.Status.FAILED:
        error = ContractError(_code(email), email.reason)
        return Response({**shape(error), **where}, status=error.status_code)
    answer = {"success": True, "message": message_of(email), **where, **_left_out(email)}
    if email.status in {Email.Status.SENT, Email.Status.PARTIAL}:
        return Response(answer)
    headers = {"Location": request.build_absolute_uri(reverse("email", kwargs={"id": email.pk}))}
    if preferences.wants_async(request):
        headers["Preference-Applied"] = preferences.ASYNC
    return Response(answer, status=202, headers=headers)


def result(found: Email | Exception) -> Email | ContractError:
    """Return one of many as it is told: the email, or why there is none."""
    return found if isinstance(found, Email) else errors.translated(found)


def of_many(
    results: Sequence[Email | ContractError],
    named: Sequence[Mapping[str, Any]] = (),
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Answer with a result for each: 202 if one of them is accepted.

    `named`: what each row holds beside it; `more`: what the whole answer does.
    """
    accepted = [found for found in results if isinstance(found, Email)]
    names = named or [{}] * len(results)
    answer = {
        "success": bool(accepted),
        "message": f"{len(accepted)} of {len(results)} emails are accepted and will be sent",
        "accepted": len(accepted),
        "refused": len(results) - len(accepted),
        **(more or {}),
        "results": [{**_row(found), **name} for found, name in zip(results, names, strict=True)],
    }
    if accepted:
        return Response(answer, status=202)
    return _refused(answer, {found.status_code for found in results if isinstance(found, ContractError)})


def _refused(answer: dict[str, Any], statuses: set[int]) -> Response:
    """Answer that no email was accepted: 503 if every reason is GoMail's own, so that it can be asked again."""
    if statuses == {503}:
        return Response(answer, status=503, headers={"Retry-After": errors.RETRY_AFTER})
    return Response(answer, status=400)


def _row(found: Email | ContractError) -> dict[str, Any]:
    if isinstance(found, ContractError):
        return shape(found)
    return {
        "success": True,
        "message": message_of(found),
        "id": str(found.pk),
        "status": found.status,
    }
