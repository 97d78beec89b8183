"""imports/: a file of contacts is brought, asked about, checked, run, watched and undone."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api import parameters
from api.audience import files
from api.audience.contacts import READ, WRITE, OfContacts
from api.audience.import_shapes import ImportSerializer, NewImportSerializer
from api.authentication import key, team
from api.csv_files import as_csv
from api.pagination import NewestFirst
from api.rows import found_or_404
from api.serializers import FailureSerializer
from delivery.access import audit
from delivery.audience import exports, groups, imports
from delivery.audience.imports import Order
from delivery.audience.reading import Asked
from delivery.models import Group, Import

_ASKED = {"encoding", "delimiter", "header", "sheet", "mapping", "from_spreadsheet"}
_BRING = WRITE | {422: FailureSerializer}


class _OfImports(generics.GenericAPIView[Import], OfContacts):
    """Something about the imports of the key's team."""

    http_method_names: tuple[str, ...] = ("post",)
    serializer_class: Any = ImportSerializer
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Import]:
        """Return the imports of the key's team."""
        return imports.of(team(self.request))


class Imports(_OfImports):
    """Your imports, newest first."""

    query = {"POST": tuple(NewImportSerializer().fields)}  # what a form says, a query may say
    http_method_names = ("get", "head", "post")
    parser_classes = (files.FormParser, files.CsvParser)
    pagination_class = NewestFirst.of("Imports")
    most_bytes = files.MOST_BODY_BYTES

    @extend_schema(operation_id="imports", responses={200: ImportSerializer(many=True), **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        parameters.refuse_unknown(request.query_params, ["cursor", "page_size"])
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ImportSerializer(page, many=True).data)

    @extend_schema(
        operation_id="bring_import",
        request={
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "CSV or .xlsx, up to 200 MB",
                    },
                    "group": {"type": "string", "format": "uuid"},
                    "mapping": {"type": "string", "example": '{"Contact": "email", "Internal": null}'},
                    "on_existing": {"type": "string", "enum": Import.OnExisting.values},
                    **{name: {"type": "boolean"} for name in ("dry_run", "header", "from_spreadsheet")},
                    **{name: {"type": "string"} for name in ("encoding", "delimiter", "sheet", "max_bad")},
                    "confirm": {"type": "string", "enum": ["auto"]},
                },
            },
            "text/csv": OpenApiTypes.STR,
        },
        responses={202: ImportSerializer, **_BRING},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bring a file: 202, and a worker checks or runs it. Where the file leaves a question, 422 asks it."""
        file = files.upload(request)
        serializer = NewImportSerializer(data=files.fields(request))
        serializer.is_valid(raise_exception=True)
        asked = {"encoding": files.encoding(file), **serializer.validated_data}
        order = _order(request, file.filename, asked)
        with transaction.atomic():
            imported = imports.take(team(request), file.path, order)
            _record("import.started", imported)
        return _shown(imported, status=202, headers={"Location": reverse("import", args=[imported.pk])})


class OneImport(_OfImports):
    """One import."""

    http_method_names = ("get", "head")

    @extend_schema(operation_id="import", responses={200: ImportSerializer, **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read how far it has come."""
        return _shown(self.get_object())


class Rejects(_OfImports):
    """The rows that were not taken."""

    query = {"GET": ("format",)}
    http_method_names = ("get", "head")

    @extend_schema(operation_id="rejects", responses={(200, "text/csv"): OpenApiTypes.STR, **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Answer with their lines, columns, codes and values as CSV."""
        return as_csv(exports.rejects(self.get_object()), "rejects.csv")


class _Change(_OfImports):
    """A change of an import's state."""

    verb = ""

    def change(self) -> Response:
        """Do what the path says, and answer with the import."""
        imported = self.get_object()
        with transaction.atomic():
            imports.change(imported, self.verb)
            _record(f"import.{_PAST[self.verb]}", imported)
        return _shown(imported)


class Run(_Change):
    """Begin."""

    verb = "run"

    @extend_schema(operation_id="run_import", request=None, responses={200: ImportSerializer, **WRITE})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Run what was checked, or what failed, from where it stood."""
        return self.change()


class Pause(_Change):
    """Hold."""

    verb = "pause"

    @extend_schema(operation_id="pause_import", request=None, responses={200: ImportSerializer, **WRITE})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Stop behind the rows that are being stored."""
        return self.change()


class Resume(_Change):
    """Go on."""

    verb = "resume"

    @extend_schema(operation_id="resume_import", request=None, responses={200: ImportSerializer, **WRITE})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Go on where it was paused."""
        return self.change()


class Cancel(_Change):
    """End."""

    verb = "cancel"

    @extend_schema(operation_id="cancel_import", request=None, responses={200: ImportSerializer, **WRITE})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End it for good; what it has brought stays until it is undone."""
        return self.change()


class Undo(_OfImports):
    """Take back."""

    @extend_schema(operation_id="undo_import", request=None, responses={200: ImportSerializer, **WRITE})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete the contacts that it made and nobody has used or changed, and the memberships that it added."""
        imported = imports.take_back(self.get_object())
        with transaction.atomic():
            _record("import.undone", imported)
        return _shown(imported)


_PAST = {"run": "started", "pause": "paused", "resume": "resumed", "cancel": "cancelled"}


def _order(request: Request, filename: str, asked: dict[str, Any]) -> Order:
    group: Group | None = None
    if "group" in asked:
        group = found_or_404(groups.of(team(request)), pk=asked["group"])
    used = key(request)
    names = ("on_existing", "dry_run", "max_bad")
    return Order(
        filename=filename,
        by=f"gm_live_{used.public_id}" if used else "",
        asked=Asked(**{name: value for name, value in asked.items() if name in _ASKED}),
        group=group,
        confirm="confirm" in asked,
        **{name: asked[name] for name in names if name in asked},
    )


def _record(action: str, imported: Import) -> None:
    audit.record(action, "import", imported.pk, team=imported.team_id, after={"status": imported.status})


def _shown(imported: Import, **how: Any) -> Response:
    told = f"The import is {imported.status}"
    return Response({"success": True, "message": told, **ImportSerializer(imported).data}, **how)
