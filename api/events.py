"""Events: the door for vendors, who sign instead of showing a key; and the timeline of an email."""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import team
from api.email_shapes import anonymous
from api.errors import ContractError
from api.serializers import FailureSerializer
from delivery.access.scopes import Scope
from delivery.db import clock
from delivery.events import posts, timeline
from delivery.models import Email
from delivery.routing import configured
from providers.events import Post

_PAGES = ("page", "page_size")


class TallySerializer(serializers.Serializer[Any]):
    """What became of the events of a post."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField(default="The events are kept")
    new = serializers.IntegerField()
    repeated = serializers.IntegerField()
    parked = serializers.IntegerField(help_text="of the new ones: about an attempt that is not known here")
    other = serializers.IntegerField(help_text="of the new ones: kept, and nothing follows from them")


class EventsIn(APIView):
    """Where a vendor posts its events. Each post is verified by its signature; no API key is asked for."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    open_query = True  # a vendor's
    http_method_names = ("post", "head")
    most_bytes: ClassVar[int] = 4 * 1024 * 1024  # Mandrill posts up to a thousand events, escaped

    @extend_schema(
        operation_id="receive_events",
        auth=[],
        request=dict.fromkeys(("application/json", "application/x-www-form-urlencoded"), OpenApiTypes.BINARY),
        responses={
            200: TallySerializer,
            **dict.fromkeys((403, 404, 405, 406, 413, 500, 503), FailureSerializer),
        },
    )
    def post(self, request: Request, account: str) -> Response:
        """Keep the events of one post. 403 and 406: it is forged; 503: it must be repeated."""
        tally = posts.take(account, _post(request))
        return Response(
            TallySerializer({"success": True, "message": "The events are kept", **vars(tally)}).data
        )

    @extend_schema(exclude=True)
    def head(self, request: Request, account: str) -> Response:
        """Answer a vendor that looks whether there is anything at this address."""
        if configured.source(account) is None:
            raise posts.UnknownAccount
        return Response()


def _post(request: Request) -> Post:
    """Return the request as it came. Django would limit the body to what is kept in memory of a form."""
    asked = request._request
    path = asked.get_full_path()
    return Post(
        body=asked.read(),
        headers={name.lower(): value for name, value in asked.headers.items()},
        url=settings.GOMAIL_PUBLIC_URL + path if settings.GOMAIL_PUBLIC_URL else asked.build_absolute_uri(),
        at=clock.now(),
    )


class EntrySerializer(serializers.Serializer[Any]):
    """One thing that happened."""

    id = serializers.CharField()
    at = serializers.DateTimeField(help_text="by the vendor's clock where a vendor told of it")
    kind = serializers.CharField(
        help_text="created, attempt, settled, cancelled, expired, or what a vendor told: accepted, deferred, "
        "delivered, bounced, suppressed, rejected, complained, unsubscribed, resubscribed, opened, clicked, other"
    )
    recipient = serializers.CharField()
    provider = serializers.CharField()
    attempt = serializers.CharField()
    outcome = serializers.CharField(help_text="of an attempt")
    bounce = serializers.CharField(help_text="hard or soft")
    bot = serializers.BooleanField(help_text="opened or clicked by a machine")
    certain = serializers.BooleanField(help_text="false: the vendor guesses the recipient")
    by = serializers.SerializerMethodField(help_text="what settled it: `person`, or event:<kind>")
    code = serializers.CharField()
    detail = serializers.CharField()

    def get_by(self, entry: timeline.Entry) -> str:
        """Return what settled it."""
        return anonymous(entry.by)


class OldestFirst(PageNumberPagination):
    """The pages of a timeline."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page in the API's format."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response(
            {"success": True, "message": "The email's timeline, oldest first", **links, "results": data}
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe that page."""
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {
            "success": {"type": "boolean"},
            "message": {"type": "string"},
            "next": link,
            "previous": link,
        }
        return {"type": "object", "required": ["results"], "properties": {**properties, "results": schema}}


class Timeline(generics.GenericAPIView[Email]):
    """The attempts of an email, what vendors told of them, and what people decided."""

    query = {"GET": _PAGES}
    http_method_names = ("get", "head")
    scope = Scope.EMAILS_READ
    lookup_url_kwarg = "id"
    serializer_class = EntrySerializer
    pagination_class = OldestFirst
    filter_backends = ()

    def get_queryset(self) -> Any:
        """Return the emails of the key's team."""
        return Email.objects.owned_by(team(self.request)).defer("text_body", "html_body")

    @extend_schema(
        operation_id="email_events",
        parameters=[OpenApiParameter(name, int) for name in _PAGES],
        responses={
            200: EntrySerializer(many=True),
            **dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer),
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the timeline, oldest first."""
        _check_pages(request)
        page = self.paginate_queryset(timeline.of(self.get_object()))
        return self.get_paginated_response(EntrySerializer(page, many=True).data)


def _check_pages(request: Request) -> None:
    for name in _PAGES:
        given = request.query_params.get(name, "1")
        if not (given.isascii() and given.isdigit() and int(given[:9]) > 0 and len(given) < 10):
            raise ContractError("malformed_request", f"{name}: must be a number from 1 on.")
