"""The views of emails: validate, call one function, serialize, answer."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from api import answers, parameters, preferences, schemas, sending
from api import dry_run as explained
from api.authentication import team
from api.dry_run import ExplainedSerializer
from api.email_shapes import EmailSerializer, EmailSummarySerializer
from api.filters import EmailFilter
from api.forms.parsers import MultiPartParser, UrlencodedParser
from api.parsers import StrictJSONParser
from api.serializers import DraftSerializer, FailureSerializer, TakenSerializer
from api.throttling import Throttled
from delivery.access.scopes import Scope
from delivery.models import Email
from delivery.submission import dry_run

_DRY_RUN = OpenApiParameter(
    "dry_run", bool, description="answer how the email would be handed over; send and store nothing"
)
_ANSWER = PolymorphicProxySerializer(
    component_name="TakenOrExplained",
    serializers=[TakenSerializer, ExplainedSerializer],
    resource_type_field_name=None,
)
_FAILURES = dict.fromkeys((400, 401, 403, 405, 409, 413, 422, 429, 500, 503), FailureSerializer)
_NOT_READ = dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer)


class SendEmail(Throttled):
    """Send one email."""

    query = {"POST": ("dry_run",)}
    http_method_names = ("post",)
    scope = Scope.EMAILS_SEND
    parser_classes = (StrictJSONParser, MultiPartParser, UrlencodedParser)

    @extend_schema(
        operation_id="send_email",
        request=schemas.email_in(DraftSerializer),
        examples=schemas.EMAIL,
        parameters=[_DRY_RUN, preferences.IDEMPOTENCY_KEY, preferences.PREFER],
        responses={200: _ANSWER, 202: TakenSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Accept the email, offer it to the providers in order, and answer with its status."""
        only_explain = parameters.flag(request, "dry_run")
        serializer = DraftSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        draft = sending.allowed(request, serializer.to_draft())
        if only_explain:
            return Response(explained.answer(dry_run.explain(draft, team=team(request))))
        return answers.taken(request, sending.send(request, draft, answers.taken))


@extend_schema_view(get=extend_schema(responses={200: EmailSummarySerializer(many=True), **_NOT_READ}))
class Emails(generics.ListAPIView[Email]):
    """The log of your emails, newest first."""

    http_method_names = ("get", "head")
    scope = Scope.EMAILS_READ
    serializer_class = EmailSummarySerializer
    filterset_class = EmailFilter

    def get_queryset(self) -> QuerySet[Email]:
        """Return the emails of the key's team, without the bodies."""
        mine = Email.objects.owned_by(team(self.request))
        return mine.defer("text_body", "html_body").prefetch_related("recipients")


@extend_schema_view(get=extend_schema(responses={200: EmailSerializer, 404: FailureSerializer, **_NOT_READ}))
class EmailDetail(generics.RetrieveAPIView[Email]):
    """One email with its recipients, attachments and attempts."""

    http_method_names: tuple[str, ...] = ("get", "head")
    scope = Scope.EMAILS_READ
    serializer_class = EmailSerializer
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Email]:
        """Return the emails of the key's team."""
        mine = Email.objects.owned_by(team(self.request))
        return mine.prefetch_related("recipients", "attachments", "attempts")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer in the API's format."""
        return answers.whole(request, self.get_object())


class SendMail(SendEmail):
    """send-email/ under its other name."""

    @extend_schema(
        operation_id="send_mail",
        request=schemas.email_in(DraftSerializer),
        examples=schemas.EMAIL,
        parameters=[_DRY_RUN, preferences.IDEMPOTENCY_KEY, preferences.PREFER],
        responses={200: _ANSWER, 202: TakenSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Do what send-email/ does."""
        return super().post(request)
