"""erasures/: people who are forgotten, and how far it has come. people/: all that is kept of one."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import parameters, suppression_shapes
from api.authentication import key, team
from api.errors import ContractError
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer, StrictSerializer
from delivery.access.scopes import Scope
from delivery.content.addresses import InvalidAddress
from delivery.erasure import documents, export, forget, people, reach
from delivery.erasure.people import Person
from delivery.models import Erasure

_READ = dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer)
_ONE = _READ | {404: FailureSerializer}
_WRITE = _READ | {413: FailureSerializer, 422: FailureSerializer}
_SECONDS: Final = 5.0  # in which an erasure is answered when it is done; a larger one goes on in the worker
_ADDRESS = OpenApiParameter("address", str, required=True, description="the whole address of the person")
_MESSAGES = {
    "done": "The person is forgotten",
    "waiting": "The person is being forgotten; `waits_for` says what comes first",
    "running": "The person is being forgotten",
}


class PersonSerializer(StrictSerializer):
    """Who is to be forgotten."""

    address = suppression_shapes.AddressField()


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    """One person who is forgotten: the proof, without the address."""

    state = serializers.CharField(
        help_text="running, done, or waiting for something that is finished first: see waits_for"
    )
    person = serializers.CharField(
        source="digest", help_text="what stands wherever the address stood: a keyed hash of it"
    )
    by = serializers.SerializerMethodField(help_text="the key that asked for it, or `person`")
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="what was erased so far, by kind: emails, events, files …"
    )

    class Meta:
        model = Erasure
        fields: tuple[str, ...] = ("id", "state", "person", "by", "at", "finished_at", "waits_for", "counts")

    def get_by(self, row: Erasure) -> str:
        """Return no person's name: clients are not told who works here."""
        return row.by if row.by.startswith(suppression_shapes.BY_KEY) else "person"


class AnsweredSerializer(ErasureSerializer):
    """The answer about one."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()

    class Meta(ErasureSerializer.Meta):
        fields = ("success", "message", *ErasureSerializer.Meta.fields)


@extend_schema_view(
    get=extend_schema(operation_id="erasures", responses={200: ErasureSerializer(many=True), **_READ})
)
class Erasures(generics.ListAPIView[Erasure]):
    """The people whom your team has forgotten, newest first; or another one."""

    http_method_names = ("get", "head", "post")
    scope = Scope.ERASURE_WRITE
    parser_classes = (StrictJSONParser,)
    serializer_class = ErasureSerializer
    filter_backends = ()
    pagination_class = NewestFirst.of("Erasures")

    def get_queryset(self) -> QuerySet[Erasure]:
        """Return the erasures of the key's team."""
        parameters.refuse_unknown(self.request.query_params, ("cursor", "page_size"))
        return _of(self.request)

    @extend_schema(
        operation_id="erase",
        request=PersonSerializer,
        responses={201: AnsweredSerializer, 202: AnsweredSerializer, **_WRITE},
    )
    def post(self, request: Request) -> Response:
        """Forget a person: 201 with what was erased, or 202 while it goes on at the path that Location names.

        What waits for the person is cancelled, or goes to the others alone; what is being sent is finished first.
        Suppressions stay and work. It cannot be undone. Asked again while it goes on, it answers with the same one.
        """
        serializer = PersonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        begun = forget.start(_person(serializer.validated_data["address"]), _reach(request), by=_by(request))
        row = forget.run(begun, seconds=_SECONDS)
        where = {"Location": request.build_absolute_uri(reverse("erasure", kwargs={"id": row.pk}))}
        return Response(_shown(row), status=201 if row.finished_at else 202, headers=where)


class OneErasure(APIView):
    """One erasure, and how far it has come."""

    http_method_names = ("get", "head")
    scope = Scope.ERASURE_WRITE

    @extend_schema(operation_id="erasure", responses={200: AnsweredSerializer, **_ONE})
    def get(self, request: Request, id: str) -> Response:
        """Answer with it."""
        try:
            return Response(_shown(_of(request).get(pk=UUID(id))))
        except (ValueError, Erasure.DoesNotExist) as error:
            raise Http404 from error


class People(APIView):
    """All that is kept of one person."""

    query = {"GET": ("address",)}
    http_method_names = ("get", "head")
    scope = Scope.ERASURE_WRITE

    @extend_schema(
        operation_id="person", parameters=[_ADDRESS], responses={200: OpenApiTypes.OBJECT, **_READ}
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Write emails with their texts, events, suppressions, contacts, and whatever else names the address."""
        try:
            person = people.named(request.query_params.get("address", ""))
        except InvalidAddress as error:
            raise parameters.invalid("address", "invalid_address", str(error)) from error
        said = (("success", True), ("message", "All that is kept of this person"))
        written = documents.pieces((*said, *export.of(person, _reach(request))))
        response = StreamingHttpResponse(written, content_type="application/json")
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _of(request: Request) -> QuerySet[Erasure]:
    return Erasure.objects.filter(team=team(request), everywhere=False)


def _person(address: str) -> Person:
    try:
        return people.find(address)
    except people.NoKeys as error:
        raise ContractError("erasure_not_set_up", str(error)) from error


def _reach(request: Request) -> reach.Reach:
    return reach.of_team(team(request))


def _by(request: Request) -> str:
    used = key(request)
    return f"{suppression_shapes.BY_KEY}{used.public_id}" if used else ""


def _shown(row: Erasure) -> dict[str, Any]:
    return {"success": True, "message": _MESSAGES[row.state], **ErasureSerializer(row).data}
