"""suppressions/: who must not be written to, seen, entered and let go; as CSV in and out."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import suppression_files, suppression_shapes
from api.authentication import key, team
from api.errors import ContractError
from api.filters import SuppressionFilter
from api.forms.parsers import MultiPartParser
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer
from api.suppression_shapes import (
    FoundSerializer,
    NewSerializer,
    NotRemovedSerializer,
    ReportSerializer,
    SuppressionSerializer,
)
from delivery.access.scopes import Scope
from delivery.db import clock
from delivery.models import Suppression
from delivery.suppressions import csv_formats, entries, exports, imports, lookup, vendors
from delivery.suppressions.entries import Finding
from delivery.suppressions.imports import Source

_READ = dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer)
_ONE = _READ | {404: FailureSerializer}
_WRITE = _READ | {413: FailureSerializer}
_DRY_RUN = OpenApiParameter("dry_run", bool, description="say what would become of each row; change nothing")
_KIND = OpenApiParameter(
    "kind", str, enum=Suppression.Kind.values, description="of rows whose file does not say"
)


class _ByMethod(APIView):
    """Reading and changing need different scopes."""

    @property
    def scope(self) -> str:
        """Return the scope of the request's method."""
        reads = self.request.method in ("GET", "HEAD")
        return Scope.SUPPRESSIONS_READ if reads else Scope.SUPPRESSIONS_WRITE


@extend_schema_view(
    get=extend_schema(operation_id="suppressions", responses={200: SuppressionSerializer(many=True), **_READ})
)
class Suppressions(generics.ListAPIView[Suppression], _ByMethod):
    """The addresses that get no mail from you, newest first; or another one."""

    http_method_names = ("get", "head", "post")
    parser_classes = (StrictJSONParser,)
    serializer_class = SuppressionSerializer
    filterset_class = SuppressionFilter
    pagination_class = NewestFirst.of("Suppressions")

    def get_queryset(self) -> QuerySet[Suppression]:
        """Return the entries in force of the key's team."""
        return lookup.managed_by(team(self.request))

    @extend_schema(
        operation_id="suppress",
        request=NewSerializer,
        responses={200: FoundSerializer, 201: FoundSerializer, **_WRITE},
    )
    def post(self, request: Request) -> Response:
        """Suppress an address: 201, or 200 if it was suppressed before, which is counted."""
        serializer = NewSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        finding = _finding(request, **serializer.validated_data)
        entry, new = entries.enter(finding)
        shown = suppression_shapes.found([entry], "Suppressed" if new else "It was suppressed before")
        return Response(shown, status=201 if new else 200)


class OneSuppression(_ByMethod):
    """The entries of one address, or the one with this id."""

    http_method_names = ("get", "head", "delete")

    @extend_schema(operation_id="suppression", responses={200: FoundSerializer, **_ONE})
    def get(self, request: Request, named: str) -> Response:
        """Answer with the first entry, and the others of the same address."""
        if not (found := list(lookup.shown_to(team(request), named))):
            raise Http404
        return Response(suppression_shapes.found(found, "The suppression"))

    @extend_schema(
        operation_id="end_suppression", request=None, responses={200: NotRemovedSerializer, 204: None, **_ONE}
    )
    def delete(self, request: Request, named: str) -> Response:
        """End it, or all entries of the address; take the address off the vendors' lists, too.

        204; or 200 with `not_removed`, which says why a vendor's list still has it.
        """
        mine = lookup.managed_by(team(request))
        found = list(lookup.shown_to(team(request), named))
        if not found:
            raise Http404
        if not (yours := [entry for entry in found if mine.filter(pk=entry.pk).exists()]):
            raise ContractError("suppressed_for_all")
        ended = entries.let_go(yours, by=_by(request), reason="Removed over the API")
        if left := vendors.remove_ended(ended):
            return Response(suppression_shapes.not_removed(left))
        return Response(status=204)


class SuppressionImport(APIView):
    """Many entries from a CSV file: GoMail's own, or one that a vendor gave out."""

    query = {"POST": ("dry_run", "kind")}
    http_method_names = ("post",)
    scope = Scope.SUPPRESSIONS_WRITE
    parser_classes = (suppression_files.CsvParser, MultiPartParser)

    @extend_schema(
        operation_id="import_suppressions",
        parameters=[_DRY_RUN, _KIND],
        request={
            "text/csv": OpenApiTypes.STR,
            MultiPartParser.media_type: {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
            },
        },
        responses={200: ReportSerializer, **_WRITE},
    )
    def post(self, request: Request) -> Response:
        """Take the file, and answer with what became of each row."""
        asked = suppression_files.options(request)
        source = Source(team_id=_team_id(request), by=_by(request), kind=asked.kind)
        try:
            report = imports.run(suppression_files.content(request), source, dry_run=asked.dry_run)
        except csv_formats.Unreadable as error:
            raise ContractError("malformed_csv", f"{error}.") from error
        return Response(suppression_shapes.report(report, dry_run=asked.dry_run))


class SuppressionExport(APIView):
    """All of them as CSV; the filters are those of the list."""

    http_method_names = ("get", "head")
    scope = Scope.SUPPRESSIONS_READ
    filterset_class = SuppressionFilter

    @extend_schema(
        operation_id="export_suppressions",
        parameters=[
            OpenApiParameter(name, str)
            for name in ("address", "kind", "scope", "source", "created_after", "created_before")
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR, **_READ},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Write the file."""
        mine = lookup.managed_by(team(request))
        rows = DjangoFilterBackend().filter_queryset(request, mine, self)
        response = StreamingHttpResponse(exports.lines(rows), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _finding(request: Request, **asked: Any) -> Finding:
    return Finding(team_id=_team_id(request), source="api", at=clock.now(), by=_by(request), **asked)


def _team_id(request: Request) -> int | None:
    whose = team(request)
    return whose.pk if whose else None


def _by(request: Request) -> str:
    used = key(request)
    return f"{suppression_shapes.BY_KEY}{used.public_id}" if used else ""
