"""providers/: how each provider stands, as the owner of the key may see it."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import parameters
from api.authentication import key, owner
from api.serializers import FailureSerializer
from delivery.models import ApiKey, Circuit
from delivery.monitoring import provider_status
from delivery.monitoring.provider_status import CircuitStatus, Failure, ProviderStatus

_FRESH = OpenApiParameter(
    "fresh",
    bool,
    description="ask the providers now, at most once in ten seconds; the key needs the scope `send` as well",
)


class StandingSerializer(serializers.Serializer[CircuitStatus]):
    """Whether the provider is used, and why not."""

    state = serializers.ChoiceField(Circuit.State.choices)
    trouble = serializers.ChoiceField([*Circuit.Trouble.choices, ("", "none")])
    reason = serializers.CharField(help_text="the trouble for a person")
    since = serializers.DateTimeField(allow_null=True, help_text="null: nothing was ever wrong")
    until = serializers.DateTimeField(allow_null=True, help_text="when it is tried again")
    paused_until = serializers.DateTimeField(allow_null=True, help_text="it has asked us to slow down")
    changed_by = serializers.CharField(help_text="a person; empty: GoMail itself")


class SenderRefusedSerializer(serializers.Serializer[CircuitStatus]):
    """One of your senders' domains that the provider does not take for now."""

    sender_domain = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class LastFailureSerializer(serializers.Serializer[Failure]):
    """The last attempt that speaks against the provider."""

    at = serializers.DateTimeField()
    error = serializers.CharField(
        help_text="unavailable, throttled, account_problem, sender_refused or unknown"
    )
    code = serializers.CharField(help_text="the provider's")
    detail = serializers.CharField(help_text="what it answered; empty unless the email was yours")


class LimitsSerializer(serializers.Serializer[Any]):
    """What the provider can carry."""

    max_bytes = serializers.IntegerField(help_text="the whole message after encoding")
    max_recipients = serializers.IntegerField()
    blocked_extensions = serializers.SerializerMethodField()
    needs_subject = serializers.BooleanField()

    def get_blocked_extensions(self, limits: Any) -> list[str]:
        """Put the set in order."""
        return sorted(limits.blocked_extensions)


class QuotaSerializer(serializers.Serializer[Any]):
    """How much the account may send, as the vendor counts."""

    limit = serializers.FloatField()
    used = serializers.FloatField()
    per = serializers.CharField()


class SenderSerializer(serializers.Serializer[Any]):
    """Whether the account may send from one address."""

    verified = serializers.BooleanField(allow_null=True, help_text="null: not told")
    detail = serializers.CharField()


class CheckSerializer(serializers.Serializer[Any]):
    """What the provider last said of itself."""

    checked_at = serializers.DateTimeField()
    ready = serializers.BooleanField(help_text="would carry mail of a verified sender")
    can_be_asked = serializers.BooleanField(help_text="false: no problem proves nothing")
    problems = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    sandbox = serializers.BooleanField(
        allow_null=True, help_text="does not deliver to everybody; null: not told"
    )
    quota = QuotaSerializer(allow_null=True)
    senders = serializers.DictField(child=SenderSerializer(), help_text="your own, by address")


class ProviderSerializer(serializers.Serializer[ProviderStatus]):
    """One configured provider."""

    name = serializers.CharField()
    type = serializers.CharField()
    position = serializers.IntegerField(help_text="1 is asked first")
    circuit = StandingSerializer()
    senders_refused = SenderRefusedSerializer(many=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure = LastFailureSerializer(allow_null=True)
    limits = LimitsSerializer()
    check = CheckSerializer(allow_null=True)


class ProvidersSerializer(serializers.Serializer[Any]):
    """All of them, in order of preference."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    providers = ProviderSerializer(many=True)
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="a sentence for each that is not used"
    )


class Providers(APIView):
    """The providers: order, circuit, last success and failure, what each can carry, what it says of itself."""

    http_method_names = ("get", "head")
    scope = ApiKey.Scope.READ

    @extend_schema(
        operation_id="providers",
        parameters=[_FRESH],
        responses={
            200: ProvidersSerializer,
            **dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer),
        },
    )
    def get(self, request: Request) -> Response:
        """Answer from the record; with `fresh`, after asking the providers."""
        if parameters.flag(request, "fresh"):
            _refuse_reader(request)
            provider_status.ask_again()
        found = {
            "message": "The providers, in order of preference",
            "providers": provider_status.for_owner(owner(request)),
            "left_out": provider_status.left_out(),
        }
        return Response({"success": True, **ProvidersSerializer(found).data})


def _refuse_reader(request: Request) -> None:
    """Asking costs calls at the vendors and may close a circuit: not for a key that may only look."""
    used = key(request)
    if used and ApiKey.Scope.SEND not in used.scopes:
        raise PermissionDenied
