"""Changes of an accepted email: cancel, reschedule, resend."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import answers, fields, preferences, sending
from api.authentication import key, team
from api.email_shapes import EmailSerializer
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer, NarrowingSerializer, TakenSerializer
from api.throttling import Throttled
from api.views import EmailDetail
from delivery.access.scopes import Scope
from delivery.models import Email
from delivery.submission import changes
from providers.message import Mailbox

_FAILURES = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 422, 500, 503), FailureSerializer)

_TWICE = "A provider has accepted the first email, or may have: whoever has got that gets it twice"


class RescheduleSerializer(serializers.Serializer[Email]):
    """The changeable field of a scheduled email."""

    send_at = fields.Moment()


class NothingSerializer(serializers.Serializer[Any]):
    """A request without fields; the body is empty or an empty object."""


class AnotherAddress(fields.Recipients):
    """One mailbox."""

    def to_internal_value(self, data: Any) -> tuple[Mailbox, ...]:
        """Return it."""
        boxes = super().to_internal_value(data)
        if len(boxes) > 1:
            raise fields.fail("too_many", "must name one mailbox: the email goes to it alone.")
        return boxes


class ResendSerializer(NarrowingSerializer):
    """Who gets it; the body may be empty or absent."""

    to_addresses = AnotherAddress(
        required=False,
        help_text="another mailbox, which gets it alone; needs `emails.send`, too. Without it the same recipients get "
        "it: whoever has got the first one gets it twice",
    )


class ResentEmailSerializer(TakenSerializer):
    """GoMail has accepted the email once more."""

    possible_duplicates = serializers.IntegerField(help_text="1: somebody has got the first one, or may have")
    warning = serializers.CharField(required=False, help_text="the same in words, where it is so")


class _OfOneEmail(generics.GenericAPIView[Email]):
    """An action on one of the client's emails."""

    http_method_names = ("post",)
    scope = Scope.EMAILS_MANAGE
    parser_classes = (StrictJSONParser,)
    serializer_class = NothingSerializer
    lookup_url_kwarg = "id"

    def get_queryset(self) -> Any:
        """Return the emails of the key's team."""
        return Email.objects.owned_by(team(self.request))


class CancelEmail(_OfOneEmail):
    """Cancel a waiting email; an unknown one is not sent again."""

    @extend_schema(operation_id="cancel_email", request=None, responses={200: EmailSerializer, **_FAILURES})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Cancel."""
        email = self.get_object()
        sending.refuse_change(request, email)
        changes.cancel(email)
        return answers.whole(request, email)


class ResendEmail(Throttled, _OfOneEmail):
    """Send a finished email again, as a new one whose resend_of is the old one's id."""

    @extend_schema(
        operation_id="resend_email",
        request=ResendSerializer,
        responses={202: ResentEmailSerializer, 429: FailureSerializer, **_FAILURES},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Resend; `warning` says if somebody may get it twice."""
        serializer = ResendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        email, to = self.get_object(), serializer.validated_data.get("to_addresses", ())
        sending.refuse_sending_again(request, email)
        if to:  # whoever names the recipient reads the content
            sending.refuse_naming(request)
        use = preferences.key_use(request, resend=email.pk, **({"to": to} if to else {}))
        more = answers.twice(int(changes.may_arrive_twice(email, to)), _TWICE)
        return answers.taken(request, changes.resend(email, to=to, key=key(request), key_use=use), more)


class OneEmail(EmailDetail):
    """One email: read it, or reschedule it."""

    http_method_names: tuple[str, ...] = ("get", "head", "patch")
    parser_classes = (StrictJSONParser,)

    @property
    def scope(self) -> str:  # type: ignore[override]
        """Return the scope: reading and changing need different ones."""
        return Scope.EMAILS_MANAGE if self.request.method == "PATCH" else Scope.EMAILS_READ

    @extend_schema(
        operation_id="reschedule_email",
        request=RescheduleSerializer,
        responses={200: EmailSerializer, **_FAILURES},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Reschedule."""
        serializer = RescheduleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        email = self.get_object()
        sending.refuse_change(request, email)
        changes.reschedule(email, serializer.validated_data["send_at"])
        return answers.whole(request, email)
