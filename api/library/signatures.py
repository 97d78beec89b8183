"""signatures/: what is put under emails by whom they are from and to."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api import fields, parameters
from api.attachments import AttachmentsField
from api.authentication import team
from api.fields import fail
from api.names import Name
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer, StrictSerializer
from delivery.access.scopes import Scope
from delivery.content import signatures as content
from delivery.library import images, signatures
from delivery.models import Signature, SignatureImage
from delivery.models.library import LONGEST_NAME
from providers.message import Mailbox

_READ = dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer)
_FAILURES = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 422, 500, 503), FailureSerializer)
_ID = OpenApiParameter("id", UUID, OpenApiParameter.PATH)
_LONGEST: Final = 64 * 1024  # characters of its HTML or its text


class Images(AttachmentsField):
    """Images that its HTML shows by `cid:`."""

    def to_internal_value(self, data: Any) -> Any:
        """Return them; refuse what is no image, and too many bytes."""
        given = super().to_internal_value(data)
        if len(given) > images.MOST or sum(image.size for image in given) > images.MOST_BYTES:
            raise fail("too_many", f"may be {images.MOST} images of {images.MOST_BYTES // 1024} KB together.")
        for number, image in enumerate(given):
            if not images.NAME.fullmatch(image.content_id):
                raise fail(
                    "invalid_value", "has letters, digits, dots and hyphens.", f"[{number}].content_id"
                )
            if image.content_type not in images.TYPES:
                raise fail("invalid_value", "must be a PNG, JPEG, GIF or WebP.", f"[{number}].content_type")
        return given


class SignatureInSerializer(StrictSerializer):
    """What a client says of a signature."""

    name = Name(longest=LONGEST_NAME, required=False)
    html = fields.Text(longest=_LONGEST, required=False)
    text = fields.Text(longest=_LONGEST, required=False)
    match = serializers.ChoiceField(Signature.Match.choices, required=False)
    match_value = fields.Text(longest=320, header=True, required=False)
    position = serializers.ChoiceField(Signature.Position.choices, required=False)
    kind = serializers.ChoiceField(Signature.Kind.choices, required=False)
    once = fields.Switch(required=False)
    enabled = fields.Switch(required=False)
    images = Images(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Keep HTML or a text that is empty: it takes the one before away."""
        values = super().to_internal_value(data)
        given = data if isinstance(data, dict) else {}
        return values | {name: "" for name in ("html", "text") if given.get(name) == ""}


class NewSignatureSerializer(SignatureInSerializer):
    """A new signature."""

    name = Name(longest=LONGEST_NAME)
    match = serializers.ChoiceField(Signature.Match.choices)
    match_value = fields.Text(longest=320, header=True)


class ImageSerializer(serializers.ModelSerializer[SignatureImage]):
    """An image, without its content."""

    class Meta:
        model = SignatureImage
        fields = ("content_id", "filename", "content_type")


class SignatureSerializer(serializers.ModelSerializer[Signature]):
    """A signature."""

    images = ImageSerializer(many=True)

    class Meta:
        model = Signature
        fields = (
            *("id", "name", "html", "text", "match", "match_value", "position", "kind", "once", "enabled"),
            *("images", "created_at"),
        )


class PreviewInSerializer(StrictSerializer):
    """The email to preview it under; a short one unless given."""

    from_address = fields.MailboxField(required=False)
    to_address = fields.MailboxField(required=False)
    html = fields.Body(required=False)
    text = fields.Body(required=False)


class SignedSerializer(serializers.Serializer[Any]):
    """An email with the signature."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()
    inserted = serializers.BooleanField(
        help_text="false: it is there already, or the email is signed or encrypted"
    )


class _OfOwn(generics.GenericAPIView[Signature]):
    """Something about the signatures of the key's team."""

    http_method_names: tuple[str, ...] = ("post",)
    parser_classes = (StrictJSONParser,)
    serializer_class: Any = SignatureSerializer
    lookup_url_kwarg = "id"

    @property
    def scope(self) -> str:
        """Return the scope: reading and changing need different ones."""
        return Scope.SIGNATURES_READ if self.request.method in {"GET", "HEAD"} else Scope.SIGNATURES_WRITE

    def get_queryset(self) -> QuerySet[Signature]:
        """Return those of the key's team."""
        return signatures.of(team(self.request)).prefetch_related("images")

    def signature(self) -> Signature:
        """Return the one of the path."""
        try:
            return self.get_queryset().get(pk=UUID(self.kwargs["id"]))
        except (ValueError, Signature.DoesNotExist):
            raise Http404 from None


class Signatures(_OfOwn):
    """Your signatures, newest first."""

    http_method_names = ("get", "head", "post")
    pagination_class = NewestFirst.of("Signatures")

    @extend_schema(operation_id="signatures", responses={200: SignatureSerializer(many=True), **_READ})
    def get(self, request: Request) -> Response:
        """List them."""
        parameters.refuse_unknown(request.query_params, ("cursor", "page_size"))
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(SignatureSerializer(page, many=True).data)

    @extend_schema(
        operation_id="create_signature",
        request=NewSignatureSerializer,
        responses={201: SignatureSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Make one; it is put under the emails that it matches from now on."""
        made = signatures.create(team(request), **_asked(NewSignatureSerializer, request))
        place = {"Location": reverse("signature", args=[made.pk])}
        return _shown(made, status=status.HTTP_201_CREATED, headers=place)


class OneSignature(_OfOwn):
    """One signature."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(operation_id="signature", parameters=[_ID], responses={200: SignatureSerializer, **_READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it."""
        return _shown(self.signature())

    @extend_schema(
        operation_id="change_signature",
        parameters=[_ID],
        request=SignatureInSerializer,
        responses={200: SignatureSerializer, **_FAILURES},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change it; images that are given replace all that it had."""
        asked = _asked(SignatureInSerializer, request)
        signature = self.signature()
        signatures.change(signature, **asked)
        return _shown(self.signature())

    @extend_schema(operation_id="delete_signature", parameters=[_ID], responses={204: None, **_FAILURES})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it."""
        signatures.delete(self.signature())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Preview(_OfOwn):
    """A preview."""

    @property
    def scope(self) -> str:
        """Return the scope of reading: nothing is changed."""
        return Scope.SIGNATURES_READ

    @extend_schema(
        operation_id="preview_signature",
        parameters=[_ID],
        request=PreviewInSerializer,
        responses={200: SignedSerializer, **_FAILURES},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put it under an email; nothing is sent."""
        asked = _asked(PreviewInSerializer, request)
        sender = asked.get("from_address") or Mailbox(address="ann@example.org", name="Ann Lee")
        to = asked.get("to_address") or Mailbox(address="bob@example.net", name="Bob")
        piece = signatures.piece(self.signature(), sender, to)
        given = "html" in asked or "text" in asked
        html, text = asked.get("html", "" if given else "<p>Hi Bob</p>"), asked.get("text", "Hi Bob\n")
        put = [] if content.is_sealed(html, text, []) else [piece]
        html, text, done = content.signed(html, text, put)
        told = {"message": "The preview", "html": html, "text": text, "inserted": bool(done)}
        return Response({"success": True, **SignedSerializer(told).data})


def _asked(serializer: Any, request: Request) -> dict[str, Any]:
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _shown(signature: Signature, **how: Any) -> Response:
    return Response(
        {"success": True, "message": "The signature", **SignatureSerializer(signature).data}, **how
    )
