"""providers/: the status of each provider, redacted for the team of the key."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import parameters
from api.authentication import key, team
from api.serializers import FailureSerializer
from delivery.access.scopes import Scope
from delivery.models import Circuit
from delivery.monitoring import provider_status
from delivery.monitoring.arrivals import Arrivals, State
from delivery.monitoring.provider_status import CircuitStatus, Failure, ProviderStatus
from delivery.monitoring.quotas import QuotaStatus

_FRESH = OpenApiParameter(
    "fresh",
    bool,
    description="ask the providers now, at most once in ten seconds; "
    "the key needs the scope `providers.write` or `emails.send` as well",
)


class StandingSerializer(serializers.Serializer[CircuitStatus]):
    """Whether the provider is used, and why not."""

    state = serializers.ChoiceField(Circuit.State.choices)
    trouble = serializers.ChoiceField([*Circuit.Trouble.choices, ("", "none")])
    reason = serializers.CharField(help_text="the trouble for a person")
    since = serializers.DateTimeField(allow_null=True, help_text="null: it has never been opened")
    until = serializers.DateTimeField(allow_null=True, help_text="when it is tried again")
    paused_until = serializers.DateTimeField(allow_null=True, help_text="it has asked us to slow down")
    changed_by = serializers.CharField(help_text="a person; empty: GoMail itself")


class SenderRefusedSerializer(serializers.Serializer[CircuitStatus]):
    """One of your sender domains that the provider does not accept now."""

    sender_domain = serializers.CharField()
    sender_address = serializers.CharField(help_text="empty: every address of the domain")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class LastFailureSerializer(serializers.Serializer[Failure]):
    """The last failed attempt that was the provider's fault."""

    at = serializers.DateTimeField()
    error = serializers.CharField(
        help_text="unavailable, throttled, account_problem, sender_refused or unknown"
    )
    code = serializers.CharField(help_text="the provider's")
    detail = serializers.CharField(help_text="what it answered; empty unless the email was yours")


class LimitsSerializer(serializers.Serializer[Any]):
    """The provider's limits on messages."""

    max_bytes = serializers.IntegerField(help_text="the whole message after encoding")
    max_recipients = serializers.IntegerField()
    blocked_extensions = serializers.SerializerMethodField()
    needs_subject = serializers.SerializerMethodField(
        help_text="always false: where a vendor wants a subject, an empty one is sent as a blank"
    )
    empty_files = serializers.BooleanField(help_text="takes a file of zero bytes")
    special_use_domains = serializers.BooleanField(
        help_text="reaches .local, .test and other names that are not on the internet"
    )

    def get_blocked_extensions(self, limits: Any) -> list[str]:
        """Return the extensions sorted."""
        return sorted(limits.blocked_extensions)

    def get_needs_subject(self, limits: Any) -> bool:
        """Say no: the field is a promise to clients."""
        return False


class QuotaSerializer(serializers.Serializer[Any]):
    """The account's quota and its use, as the vendor counts."""

    limit = serializers.FloatField()
    used = serializers.FloatField()
    per = serializers.CharField()


class SenderSerializer(serializers.Serializer[Any]):
    """Whether the account may send from one address."""

    verified = serializers.BooleanField(allow_null=True, help_text="null: unknown")
    detail = serializers.CharField()


class CheckSerializer(serializers.Serializer[Any]):
    """The provider's last readiness check."""

    checked_at = serializers.DateTimeField()
    ready = serializers.BooleanField(help_text="would accept mail from a verified sender")
    can_be_asked = serializers.BooleanField(
        help_text="false: it can be tested only by sending, so an empty list of problems proves nothing"
    )
    problems = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    sandbox = serializers.BooleanField(
        allow_null=True, help_text="does not deliver to everybody; null: unknown"
    )
    quota = QuotaSerializer(allow_null=True)
    senders = serializers.DictField(child=SenderSerializer(), help_text="your own, by address")


class ArrivalsSerializer(serializers.Serializer[Arrivals]):
    """Whether the provider tells what became of its mail."""

    state = serializers.ChoiceField(
        [(state.value, state.value) for state in State],
        help_text="silent: it accepted mail more than 20 minutes ago and has told nothing since",
    )
    last_at = serializers.DateTimeField(allow_null=True, help_text="when the last event came; null: never")
    accepted_at = serializers.DateTimeField(
        allow_null=True, help_text="when it accepted a mail of which it ought to have told since"
    )


class PaceSerializer(serializers.Serializer[QuotaStatus]):
    """How fast and how much its account may send, as its vendor tells, and for how long that lasts."""

    per_second = serializers.FloatField(allow_null=True, help_text="recipients; null: without a limit")
    day = serializers.IntegerField(
        allow_null=True, help_text="recipients in any 24 hours; null: without a limit"
    )
    used = serializers.IntegerField(help_text="of the day, with what was sent since the vendor counted")
    kept_for_high = serializers.IntegerField(help_text="the last part of the day, for priority `high` alone")
    pace = serializers.FloatField(help_text="recipients a second of late")
    next_takes_over_at = serializers.DateTimeField(
        allow_null=True, help_text="when the next provider gets what is of normal priority; null: not yet"
    )
    used_up_at = serializers.DateTimeField(allow_null=True, help_text="at this pace; null: never")
    told_at = serializers.DateTimeField()


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
    events = ArrivalsSerializer(source="arrivals")
    pace = PaceSerializer(source="quota", allow_null=True, help_text="null: it tells of no quota")


class ProvidersSerializer(serializers.Serializer[Any]):
    """All of them, in order of preference."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    providers = ProviderSerializer(many=True)
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="a sentence for each that is not used"
    )


class Providers(APIView):
    """The providers: order, circuit, last success and failure, limits, readiness."""

    query = {"GET": ("fresh",)}
    http_method_names = ("get", "head")
    scope = Scope.PROVIDERS_READ

    @extend_schema(
        operation_id="providers",
        parameters=[_FRESH],
        responses={
            200: ProvidersSerializer,
            **dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer),
        },
    )
    def get(self, request: Request) -> Response:
        """Answer from the database; with `fresh`, after asking the providers."""
        if parameters.flag(request, "fresh"):
            _refuse_reader(request)
            provider_status.ask_again()
        found = {
            "message": "The providers, in order of preference",
            "providers": provider_status.for_teams([team(request)]),
            "left_out": provider_status.left_out(),
        }
        return Response({"success": True, **ProvidersSerializer(found).data})


def _refuse_reader(request: Request) -> None:
    """Refuse a key that may only read: asking makes calls to the vendors and may close a circuit."""
    used = key(request)
    if used and not (used.may(Scope.PROVIDERS_WRITE) or used.may(Scope.EMAILS_SEND)):
        raise PermissionDenied
