"""members/: who belongs to the team, with which role; inviting, changing and removing people."""

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import fields
from api.authentication import key, team
from api.fields import fail
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer, StrictSerializer
from delivery.access import members
from delivery.access.scopes import Role, Scope
from delivery.content import addresses
from delivery.models import Invitation, Member, Team

_READ = dict.fromkeys((401, 403, 405, 500, 503), FailureSerializer)
_WRITE = _READ | dict.fromkeys((400, 404, 409, 413), FailureSerializer)


class InvitedAddress(fields.Text):
    """The address of a person."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is none."""
        try:
            return addresses.canonical(addresses.bare(super().to_internal_value(data).strip()))
        except addresses.InvalidAddress as error:
            raise fail("invalid_address", str(error)) from error


class RoleSerializer(StrictSerializer):
    """What a person is in the team."""

    role = serializers.ChoiceField(Role.choices)


class InviteSerializer(RoleSerializer):
    """Who is invited."""

    email = InvitedAddress(longest=320, help_text="whoever accepts must have this address")


class MemberSerializer(serializers.Serializer[Member]):
    """One person of the team."""

    id = serializers.CharField()
    name = serializers.CharField(source="user.get_username")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(Role.choices)
    since = serializers.DateTimeField(source="created_at")


class InvitationSerializer(serializers.Serializer[Invitation]):
    """One invitation that nobody has accepted yet."""

    id = serializers.CharField()
    email = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    invited_by = serializers.CharField(help_text="a person or a key; empty: the operator")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class _Answer(serializers.Serializer[Any]):
    success = serializers.BooleanField(default=True)
    message = serializers.CharField()


class MembersSerializer(_Answer):
    """The team."""

    members = MemberSerializer(many=True)
    invitations = InvitationSerializer(many=True, help_text="that can still be accepted")


class InvitedSerializer(_Answer, InvitationSerializer):
    """An invitation with its link, which is in this answer and in no other."""

    link = serializers.URLField(help_text="give it to the person; it works once, for seven days")


class OneMemberSerializer(_Answer, MemberSerializer):
    """A person of the team."""


class _OfTeam(APIView):
    parser_classes = (StrictJSONParser,)

    @property
    def scope(self) -> str:
        """Return the scope: seeing and changing need different ones."""
        return Scope.MEMBERS_READ if self.request.method in {"GET", "HEAD"} else Scope.MEMBERS_WRITE


class Members(_OfTeam):
    """The people of the team, and those who are invited."""

    http_method_names = ("get", "head", "post")

    @extend_schema(operation_id="members", responses={200: MembersSerializer, **_READ})
    def get(self, request: Request) -> Response:
        """List them."""
        whose = team(request)
        people = Member.objects.filter(team=whose).select_related("user")
        told = {"members": people, "invitations": members.open_invitations(whose)}
        return Response(MembersSerializer({"success": True, "message": "The team", **told}).data)

    @extend_schema(
        operation_id="invite_member", request=InviteSerializer, responses={201: InvitedSerializer, **_WRITE}
    )
    def post(self, request: Request) -> Response:
        """Invite a person; whoever was invited before and has not come gets a new link."""
        serializer = InviteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made, token = members.invite(_team(request), **serializer.validated_data, by=key(request))
        shown = {**InvitationSerializer(made).data, "link": _link(request, token)}
        return Response({"success": True, "message": "Give the link to the person", **shown}, status=201)


class OneMember(_OfTeam):
    """One person of the team."""

    http_method_names = ("patch", "delete")

    @extend_schema(
        operation_id="change_member", request=RoleSerializer, responses={200: OneMemberSerializer, **_WRITE}
    )
    def patch(self, request: Request, id: str) -> Response:
        """Give another role."""
        serializer = RoleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        member = _row(Member.objects.select_related("user"), request, id)
        members.change_role(member, serializer.validated_data["role"], key(request))
        shown = {"success": True, "message": "The member", **MemberSerializer(member).data}
        return Response(shown)

    @extend_schema(operation_id="remove_member", request=None, responses={204: None, **_WRITE})
    def delete(self, request: Request, id: str) -> Response:
        """Remove the person from the team; keys that the person made stay."""
        members.remove(_row(Member.objects.all(), request, id), key(request))
        return Response(status=204)


class OneInvitation(_OfTeam):
    """One invitation."""

    http_method_names = ("delete",)

    @extend_schema(operation_id="withdraw_invitation", request=None, responses={204: None, **_WRITE})
    def delete(self, request: Request, id: str) -> Response:
        """Withdraw it: the link is void."""
        members.withdraw(_row(Invitation.objects.filter(accepted_at=None), request, id))
        return Response(status=204)


def _team(request: Request) -> Team:
    """Return the team; what is sent without a key belongs to none, and has no members."""
    if (whose := team(request)) is None:
        raise Http404
    return whose


def _row(rows: Any, request: Request, id: str) -> Any:
    """Return the row with this id if it is the team's."""
    number = int(id) if id.isascii() and id.isdigit() and len(id) < 19 else 0
    found = rows.filter(pk=number, team=_team(request)).first()
    if found is None:
        raise Http404
    return found


def _link(request: Request, token: str) -> str:
    path = members.path(token)
    return (
        f"{settings.GOMAIL_PUBLIC_URL}{path}"
        if settings.GOMAIL_PUBLIC_URL
        else request.build_absolute_uri(path)
    )
