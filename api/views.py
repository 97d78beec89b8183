"""Validate, call one verb, serialize, answer."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import generics
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import explained, meanwhile, parameters, requests
from api.authentication import key, owner
from api.errors import ContractError, shape
from api.explained import ExplainedSerializer
from api.filters import EmailFilter
from api.parsers import StrictJSONParser, StrictMultiPartParser
from api.serializers import (
    DraftSerializer,
    EmailSerializer,
    EmailSummarySerializer,
    FailureSerializer,
    TakenSerializer,
)
from delivery.access import keys
from delivery.content.drafts import Draft
from delivery.models import ApiKey, Email
from delivery.submission import dry_run, emails
from providers import failpoints
from providers.message import Mailbox

ACCEPTED = "Email sent to recipients"
MESSAGES = {
    Email.Status.SENT: ACCEPTED,
    Email.Status.PARTIAL: "Email sent to some recipients; the provider rejected the others",
    Email.Status.QUEUED: "No provider could take the email now; it is kept and will be offered again",
    Email.Status.UNKNOWN: "A provider may or may not have taken the email; it is kept and not sent again by itself",
    Email.Status.SENDING: "The email is being handed over",
    Email.Status.SCHEDULED: "The email is accepted and will be sent at its time",
    Email.Status.CANCELLED: "The email was cancelled before it was sent",
    Email.Status.QUARANTINED: "The email is in quarantine: it has ended the processes that were to hand it over",
    Email.Status.EXPIRED: "No provider could take the email before its time was over",
}
ACCEPTED_FOR_LATER = "The email is accepted and will be sent"
SENT_AGAIN = (
    "A provider may or may not have taken the email; it will be sent again and marked possible_duplicate"
)
_DRY_RUN = OpenApiParameter(
    "dry_run", bool, description="answer what would become of the email; send and store nothing"
)
_ANSWER = PolymorphicProxySerializer(
    component_name="TakenOrExplained",
    serializers=[TakenSerializer, ExplainedSerializer],
    resource_type_field_name=None,
)
_FAILURES = dict.fromkeys((400, 401, 403, 405, 409, 413, 422, 500, 503), FailureSerializer)
_NOT_READ = dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer)


class SendEmail(APIView):
    """Send one email."""

    http_method_names = ("post",)
    scope = ApiKey.Scope.SEND
    parser_classes = (StrictJSONParser, StrictMultiPartParser)

    @extend_schema(
        operation_id="send_email",
        request={"application/json": DraftSerializer, "multipart/form-data": DraftSerializer},
        parameters=[_DRY_RUN, requests.IDEMPOTENCY_KEY, requests.PREFER],
        responses={200: _ANSWER, 202: TakenSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Accept the email, offer it to the providers in order, and answer with what became of it."""
        only_explain = parameters.flag(request, "dry_run")
        serializer = DraftSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        draft = allowed(request, serializer.to_draft())
        if only_explain:
            return Response(explained.answer(dry_run.explain(draft, owner=owner(request))))
        return taken(request, sent(request, draft, taken))


@extend_schema_view(get=extend_schema(responses={200: EmailSummarySerializer(many=True), **_NOT_READ}))
class Emails(generics.ListAPIView[Email]):
    """The log of your emails, newest first."""

    http_method_names = ("get", "head")
    scope = ApiKey.Scope.READ
    serializer_class = EmailSummarySerializer
    filterset_class = EmailFilter

    def get_queryset(self) -> QuerySet[Email]:
        """Return what this key may see, without the bodies."""
        mine = Email.objects.owned_by(owner(self.request))
        return mine.defer("text_body", "html_body").prefetch_related("recipients")


@extend_schema_view(get=extend_schema(responses={200: EmailSerializer, 404: FailureSerializer, **_NOT_READ}))
class EmailDetail(generics.RetrieveAPIView[Email]):
    """One email with its recipients, attachments and attempts."""

    http_method_names: tuple[str, ...] = ("get", "head")
    scope = ApiKey.Scope.READ
    serializer_class = EmailSerializer
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Email]:
        """Return what this key may see."""
        mine = Email.objects.owned_by(owner(self.request))
        return mine.prefetch_related("recipients", "attachments", "attempts")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer in the contract's shape."""
        found = self.get_serializer(self.get_object()).data
        return Response({"success": True, "message": "The email", **found})


class SendMail(SendEmail):
    """The same under its other name."""

    @extend_schema(
        operation_id="send_mail",
        request={"application/json": DraftSerializer, "multipart/form-data": DraftSerializer},
        parameters=[_DRY_RUN, requests.IDEMPOTENCY_KEY, requests.PREFER],
        responses={200: _ANSWER, 202: TakenSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Do what send-email/ does."""
        return super().post(request)


def allowed(request: Request, draft: Draft) -> Draft:
    """Return the draft if the request's key may send from its sender."""
    refuse_sender(request, draft.sender)
    return draft


def refuse_sender(request: Request, sender: Mailbox) -> None:
    """Raise if the request's key may not send from this sender."""
    used = key(request)
    if used and not keys.may_send_from(used, sender):
        raise ContractError("sender_not_allowed", f"This API key may not send from {sender.address}.")


def sent(request: Request, draft: Draft, told: Callable[[Request, Email], Response]) -> Email:
    """Hand the email over now, or leave it to a worker when the client does not wait or it has its time.

    When it takes too long the client is told how far it has come.
    """
    given: dict[str, Any] = {"owner": owner(request), "key_use": requests.key_use(request, draft=draft)}
    if requests.wants_async(request) or draft.is_for_later():
        return emails.accept(draft, **given)
    return emails.send(draft, **given, accepted=lambda email: _leave(request, email, told))


def _leave(request: Request, email: Email, told: Callable[[Request, Email], Response]) -> None:
    def so_far() -> tuple[int, Mapping[str, str], bytes]:
        answer = told(request, email)
        return answer.status_code, dict(answer.items()), JSONRenderer().render(answer.data)

    meanwhile.leave(request.META, so_far)


def message_of(email: Email) -> str:
    """Return what became of an email, for a person."""
    if email.status == Email.Status.UNKNOWN and email.due_at is not None:
        return SENT_AGAIN
    untried = email.status == Email.Status.QUEUED and not email.rounds
    return ACCEPTED_FOR_LATER if untried else MESSAGES[Email.Status(email.status)]


def taken(request: Request, email: Email) -> Response:
    """Answer what became of an email: 200 when a provider has it, 202 while we still have it, 400 when it is bad."""
    failpoints.reach("before-answer")
    where = {"id": str(email.pk), "status": email.status, "provider": email.provider}
    if email.status == Email.Status.FAILED:
        error = ContractError("refused_by_provider", email.reason)
        return Response({**shape(error), **where}, status=error.status_code)
    answer = {"success": True, "message": message_of(email), **where}
    if email.status in {Email.Status.SENT, Email.Status.PARTIAL}:
        return Response(answer)
    headers = {"Location": request.build_absolute_uri(reverse("email", kwargs={"id": email.pk}))}
    if requests.wants_async(request):
        headers["Preference-Applied"] = requests.ASYNC
    return Response(answer, status=202, headers=headers)
