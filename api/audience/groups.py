"""groups/: made, changed, and who is in them."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api import parameters
from api.audience.contacts import READ, WRITE, OfContacts
from api.audience.filters import MemberFilter
from api.audience.serializers import (
    GroupInSerializer,
    GroupMemberSerializer,
    GroupSerializer,
    JoinSerializer,
    NewGroupSerializer,
    OneGroupSerializer,
    StatusSerializer,
)
from api.authentication import team
from api.csv_files import CSV, TOO_WIDE, as_csv, options, wants_csv
from api.pagination import NewestFirst
from api.rows import found_or_404
from delivery.audience import contacts, exports, groups
from delivery.mailings import subscribing
from delivery.models import Contact, Group, Membership, Signature

_BY = "api"
_CONTACT = OpenApiParameter("contact", str, OpenApiParameter.PATH, description="the contact's id")


class _OfGroups(generics.GenericAPIView[Group], OfContacts):
    """Something about the groups of the key's team."""

    http_method_names: tuple[str, ...] = ("get", "head", "post")
    serializer_class: Any = GroupSerializer
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Group]:
        """Return the groups of the key's team."""
        return groups.of(team(self.request))


class Groups(_OfGroups):
    """Your groups, newest first."""

    pagination_class = NewestFirst.of("Groups")

    @extend_schema(operation_id="groups", responses={200: GroupSerializer(many=True), **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        parameters.refuse_unknown(request.query_params, ["cursor", "page_size"])
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(GroupSerializer(page, many=True).data)

    @extend_schema(
        operation_id="create_group", request=NewGroupSerializer, responses={201: OneGroupSerializer, **WRITE}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make one."""
        serializer = NewGroupSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            made = groups.create(team(request), **_fields(request, serializer.validated_data))
        return _shown(made, status=201, headers={"Location": reverse("group", args=[made.pk])})


class OneGroup(_OfGroups):
    """One group."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(operation_id="group", responses={200: OneGroupSerializer, **READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it, and how many are in it."""
        return _shown(self.get_object())

    @extend_schema(
        operation_id="change_group", request=GroupInSerializer, responses={200: OneGroupSerializer, **WRITE}
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is named."""
        serializer = GroupInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        group = self.get_object()
        with transaction.atomic():
            groups.change(group, **_fields(request, serializer.validated_data))
        return _shown(group)

    @extend_schema(operation_id="delete_group", responses={204: None, **WRITE})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it; its contacts stay."""
        group = self.get_object()
        with transaction.atomic():
            groups.delete(group)
        return Response(status=204)


class Members(_OfGroups):
    """Who is in a group, or has been."""

    filter_backends = ()  # the filter is for members, and not for the group that holds them
    filterset_class = MemberFilter
    query = {"GET": MemberFilter.known()}
    pagination_class = NewestFirst.of("Members")

    @extend_schema(
        operation_id="group_members",
        parameters=[
            *CSV,
            OpenApiParameter("email", str),
            OpenApiParameter("status", str, enum=Membership.Status.values),
        ],
        responses={200: GroupMemberSerializer(many=True), **READ, **TOO_WIDE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """List them, the last to come first; as CSV if that is asked for."""
        rows = DjangoFilterBackend().filter_queryset(request, groups.members(self.get_object()), self)
        if wants_csv(request):
            return as_csv(exports.members(rows, **options(request)), "members.csv")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(GroupMemberSerializer(page, many=True).data)

    @extend_schema(
        operation_id="join_group",
        request=JoinSerializer,
        responses={200: GroupMemberSerializer, 201: GroupMemberSerializer, **WRITE},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put a contact into the group, or an address, which becomes one: 201, or 200 if it was in it."""
        serializer = JoinSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked, group = serializer.validated_data, self.get_object()
        with transaction.atomic():
            who = _contact(request, asked)
            member, is_new = groups.join(group, who, by=_BY, resubscribe=asked.get("resubscribe", False))
            if asked.get("resubscribe"):
                subscribing.let_mail_through(member, by=_BY)
        return _member(group, member.contact_id, 201 if is_new else 200)


class OneMember(_OfGroups):
    """One contact in a group."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(
        operation_id="group_member", parameters=[_CONTACT], responses={200: GroupMemberSerializer, **READ}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read its membership."""
        return _member(self.get_object(), self._member().contact_id)

    @extend_schema(
        operation_id="change_group_member",
        parameters=[_CONTACT],
        request=StatusSerializer,
        responses={200: GroupMemberSerializer, **WRITE},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change its status; who has unsubscribed comes back by `resubscribe` alone."""
        serializer = StatusSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        member = self._member()
        with transaction.atomic():
            groups.set_status(member, by=_BY, **serializer.validated_data)
            if serializer.validated_data.get("resubscribe"):
                subscribing.let_mail_through(member, by=_BY)
        return _member(member.group, member.contact_id)

    @extend_schema(operation_id="remove_group_member", parameters=[_CONTACT], responses={204: None, **WRITE})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take it out of the group; who has unsubscribed stays unsubscribed."""
        member = self._member()
        with transaction.atomic():
            groups.remove(member, by=_BY)
        return Response(status=204)

    def _member(self) -> Membership:
        found: Membership = found_or_404(groups.members(self.get_object()), contact=self.kwargs["contact"])
        return found


def _fields(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a group, with the signature instead of its id."""
    if not asked.get("signature"):
        return {**asked, "signature": None} if "signature" in asked else asked
    mine = Signature.objects.filter(team=team(request))
    return {**asked, "signature": found_or_404(mine, pk=asked["signature"])}


def _contact(request: Request, asked: dict[str, Any]) -> Contact:
    mine = team(request)
    if "contact" in asked:
        found: Contact = found_or_404(contacts.of(mine), pk=asked["contact"])
        return found
    known = contacts.named(mine, asked["email"]).first()
    return known or contacts.create(mine, email=asked["email"])


def _shown(group: Group, **how: Any) -> Response:
    return Response({"success": True, "message": "The group", **OneGroupSerializer(group).data}, **how)


def _member(group: Group, contact: Any, status: int = 200) -> Response:
    member = groups.members(group).get(contact=contact)
    return Response({"success": True, "message": "The member", **GroupMemberSerializer(member).data}, status)
