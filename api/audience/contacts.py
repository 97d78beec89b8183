"""contacts/ and groups/: the people, and which of them get the same mail."""

from typing import Any, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from api.audience.filters import ContactFilter
from api.audience.serializers import ContactInSerializer, ContactSerializer, NewContactSerializer
from api.authentication import team
from api.csv_files import CSV, TOO_WIDE, as_csv, options, wants_csv
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer
from delivery.access.scopes import Scope
from delivery.audience import contacts, exports
from delivery.models import Contact

READ = dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer)
WRITE = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 500, 503), FailureSerializer)


class OfContacts(APIView):
    """Reading and changing need different scopes."""

    parser_classes: Any = (StrictJSONParser,)

    @property
    def scope(self) -> str:
        """Return the scope of the request's method."""
        reads = self.request.method in ("GET", "HEAD")
        return Scope.CONTACTS_READ if reads else Scope.CONTACTS_WRITE


class Contacts(generics.ListAPIView[Contact], OfContacts):
    """Your contacts, newest first."""

    http_method_names = ("get", "head", "post")
    serializer_class = ContactSerializer
    filterset_class = ContactFilter
    pagination_class = NewestFirst.of("Contacts")

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the contacts of the key's team."""
        return contacts.of(team(self.request))

    @extend_schema(
        operation_id="contacts",
        parameters=[*CSV],
        responses={200: ContactSerializer(many=True), **READ, **TOO_WIDE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """List them; as CSV if that is asked for (`format=csv`, or `Accept: text/csv`)."""
        if not wants_csv(request):
            return super().get(request, *args, **kwargs)
        rows = self.filter_queryset(self.get_queryset())
        return as_csv(exports.contacts(rows, **options(request)), "contacts.csv")

    @extend_schema(
        operation_id="create_contact",
        request=NewContactSerializer,
        responses={201: ContactSerializer, **WRITE},
    )
    def post(self, request: Request) -> Response:
        """Make one."""
        serializer = NewContactSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            made = contacts.create(team(request), **serializer.validated_data)
        return _shown(made, status=201, headers={"Location": reverse("contact", args=[made.pk])})


class OneContact(generics.GenericAPIView[Contact], OfContacts):
    """One contact."""

    http_method_names = ("get", "head", "patch", "delete")
    serializer_class = ContactSerializer
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the contacts of the key's team."""
        return contacts.of(team(self.request))

    @extend_schema(operation_id="contact", responses={200: ContactSerializer, **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it."""
        return _shown(self.get_object())

    @extend_schema(
        operation_id="change_contact",
        request=ContactInSerializer,
        responses={200: ContactSerializer, **WRITE},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is named; `data` as a whole."""
        serializer = ContactInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        contact = self.get_object()
        with transaction.atomic():
            contacts.change(contact, **serializer.validated_data)
        return _shown(contact)

    @extend_schema(operation_id="delete_contact", responses={204: None, **WRITE})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it, and take it out of all groups; whether its address is suppressed stays as it is."""
        contact = self.get_object()
        with transaction.atomic():
            contacts.delete(contact)
        return Response(status=204)


class ContactExport(OfContacts):
    """All of them as CSV; the filters are those of the list."""

    http_method_names = ("get", "head")
    filterset_class = ContactFilter

    @extend_schema(
        operation_id="export_contacts",
        parameters=[
            OpenApiParameter("group", str, description="only who is subscribed to this group"),
            OpenApiParameter("email", str),
            OpenApiParameter("q", str),
            *CSV,
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR, **READ, **TOO_WIDE},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Write the file."""
        mine = contacts.of(team(request))
        rows = DjangoFilterBackend().filter_queryset(request, mine, self)
        return as_csv(exports.contacts(rows, **options(request)), "contacts.csv")


def _shown(contact: Contact, **how: Any) -> Response:
    return Response(
        {"success": True, "message": "The contact", **cast(Any, ContactSerializer(contact)).data}, **how
    )
