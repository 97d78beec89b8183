"""mailings/: made, changed and read. What is done with one stands in actions."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from api.authentication import team
from api.csv_files import CSV, as_csv, options, wants_csv
from api.mailings import given
from api.mailings.filters import MailingFilter, RecipientFilter
from api.mailings.shapes import (
    MailingInSerializer,
    MailingRecipientSerializer,
    MailingSerializer,
    NewMailingSerializer,
    OneMailingSerializer,
)
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer
from delivery.access.scopes import Scope
from delivery.mailings import exports, progress, states
from delivery.models import Mailing, MailingRecipient

READ = dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer)
WRITE = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 422, 500, 503), FailureSerializer)


class OfMailings(generics.GenericAPIView[Mailing], APIView):
    """Something about the mailings of the key's team; reading and changing need different scopes."""

    http_method_names: tuple[str, ...] = ("post",)
    parser_classes: Any = (StrictJSONParser,)
    filter_backends: Any = ()
    serializer_class: Any = OneMailingSerializer
    lookup_url_kwarg = "id"

    @property
    def scope(self) -> str:
        """Return the scope of the request's method."""
        reads = self.request.method in ("GET", "HEAD")
        return Scope.MAILINGS_READ if reads else Scope.MAILINGS_WRITE

    def get_queryset(self) -> QuerySet[Mailing]:
        """Return the mailings of the key's team."""
        return states.of(team(self.request)).select_related("group", "team")


class Mailings(OfMailings):
    """Your mailings, newest first."""

    http_method_names = ("get", "head", "post")
    filter_backends = (DjangoFilterBackend,)
    filterset_class = MailingFilter
    serializer_class = MailingSerializer
    pagination_class = NewestFirst.of("Mailings")

    @extend_schema(operation_id="mailings", responses={200: MailingSerializer(many=True), **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(MailingSerializer(page, many=True).data)

    @extend_schema(
        operation_id="create_mailing",
        request=NewMailingSerializer,
        responses={201: OneMailingSerializer, **WRITE},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make one, as a draft: nothing is sent before it is checked and started."""
        serializer = NewMailingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = given.fields(request, serializer.validated_data)
        given.refuse(request, Mailing(team=team(request), **fields))
        with transaction.atomic():
            made = states.create(team(request), **fields)
        return shown(
            made, "The mailing", status=201, headers={"Location": reverse("mailing", args=[made.pk])}
        )


class OneMailing(OfMailings):
    """One mailing."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(operation_id="mailing", responses={200: OneMailingSerializer, **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it, and how far it has come."""
        return shown(self.get_object(), "The mailing")

    @extend_schema(
        operation_id="change_mailing",
        request=MailingInSerializer,
        responses={200: OneMailingSerializer, **WRITE},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is named, before it is started; it must be checked anew."""
        serializer = MailingInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        mailing = self.get_object()
        given.refuse_sender(request, mailing)
        fields = given.fields(request, serializer.validated_data)
        given.refuse(request, given.changed(mailing, fields))
        with transaction.atomic():
            states.change(mailing, **fields)
        return shown(mailing, "The mailing")

    @extend_schema(operation_id="delete_mailing", responses={204: None, **WRITE})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it, before it is started; what was started is a record."""
        mailing = self.get_object()
        given.refuse_sender(request, mailing)
        with transaction.atomic():
            states.delete(mailing)
        return Response(status=204)


class Recipients(OfMailings):
    """Who gets it, and what became of each."""

    http_method_names = ("get", "head")
    filterset_class = RecipientFilter
    query = {"GET": RecipientFilter.known()}
    serializer_class = MailingRecipientSerializer
    pagination_class = NewestFirst.of("Recipients")

    @extend_schema(
        operation_id="mailing_recipients",
        parameters=[
            *CSV,
            OpenApiParameter("state", str, enum=MailingRecipient.State.values),
            OpenApiParameter("address", str, description="the whole address"),
            OpenApiParameter("q", str, description="the beginning of an address"),
            OpenApiParameter("possible_duplicate", bool),
            OpenApiParameter("render_failures", bool),
        ],
        responses={200: MailingRecipientSerializer(many=True), **READ},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """List them; as CSV if that is asked for."""
        rows = given.filtered(self, progress.recipients(self.get_object()))
        if wants_csv(request):
            return as_csv(
                exports.recipients(rows, **options(request, for_spreadsheet=True)), "recipients.csv"
            )
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(MailingRecipientSerializer(page, many=True).data)


def shown(mailing: Mailing, told: str, **how: Any) -> Response:
    """Answer with a mailing."""
    return Response({"success": True, "message": told, **OneMailingSerializer(mailing).data}, **how)
