"""The answer of a dry run."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import composition
from delivery.bundles import Bundle
from delivery.models import Recipient
from delivery.submission.dry_run import Explanation, Offer

_OFFERED = "The email would be offered to the providers in this order; nothing was sent or stored"
_NOT_SCANNED = (
    "The attachments could not be scanned now, and the email would wait for it; nothing was sent or stored"
)
_KEPT = "No provider could be offered the email now; it would be kept and offered later; nothing was sent or stored"


class BoxSerializer(serializers.Serializer[Any]):
    """One address with its name."""

    name = serializers.CharField()
    address = serializers.CharField()


class RecipientsSerializer(serializers.Serializer[Any]):
    """All recipients, each once, in the first list of the request that names them."""

    to = BoxSerializer(many=True)
    cc = BoxSerializer(many=True)
    bcc = BoxSerializer(many=True)


class SuppressedSerializer(serializers.Serializer[Any]):
    """A recipient that would be left out."""

    address = serializers.CharField()
    reason = serializers.CharField()


class FileSerializer(serializers.Serializer[Any]):
    """One file, without its content."""

    filename = serializers.CharField()
    content_type = serializers.CharField()
    content_id = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes, decoded")


class RenderedSerializer(serializers.Serializer[Bundle]):
    """The email as it would be handed over."""

    from_address = serializers.CharField(source="email.from_address")
    from_name = serializers.CharField(source="email.from_name")
    recipients = serializers.SerializerMethodField()
    suppressed = serializers.SerializerMethodField()
    reply_to = serializers.ListField(
        source="email.reply_to", child=serializers.ListField(child=serializers.CharField())
    )
    subject = serializers.CharField(source="email.subject")
    text_body = serializers.CharField(source="email.text_body")
    html_body = serializers.CharField(source="email.html_body", help_text="empty: plain text")
    headers = serializers.DictField(source="email.headers", child=serializers.CharField())
    tags = serializers.ListField(source="email.tags", child=serializers.CharField())
    metadata = serializers.DictField(source="email.metadata", child=serializers.CharField())
    on_ambiguous = serializers.CharField(source="email.on_ambiguous")
    purpose = serializers.CharField(source="email.purpose")
    unsubscribe = serializers.CharField(source="email.unsubscribe")
    template = composition.WrittenWith(source="email.template")
    signatures = composition.Signatures(source="email.signatures")
    attachments = FileSerializer(many=True)

    @extend_schema_field(SuppressedSerializer(many=True))
    def get_suppressed(self, bundle: Bundle) -> Any:
        """Name the recipients that would be left out."""
        out = [row for row in bundle.recipients if row.status == Recipient.Status.SUPPRESSED]
        return SuppressedSerializer(out, many=True).data

    @extend_schema_field(RecipientsSerializer)
    def get_recipients(self, bundle: Bundle) -> Any:
        """Group the recipients by kind."""
        kinds = {
            kind.value: [row for row in bundle.recipients if row.kind == kind] for kind in Recipient.Kind
        }
        return RecipientsSerializer(kinds).data


class OfferSerializer(serializers.Serializer[Offer]):
    """Whether one provider would be offered the email."""

    name = serializers.CharField()
    offered = serializers.BooleanField()
    position = serializers.IntegerField(allow_null=True, help_text="1 would be asked first; null: not asked")
    reason = serializers.CharField(help_text="why it would not be asked, or the condition")
    fitted = serializers.ListField(
        child=serializers.CharField(), help_text="what would be changed or left out for this provider"
    )


class ExplainedSerializer(serializers.Serializer[Any]):
    """How the email would be handed over."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    dry_run = serializers.BooleanField(default=True)
    email = RenderedSerializer()
    providers = OfferSerializer(many=True)


def answer(found: Explanation) -> dict[str, Any]:
    """Return the body of the answer."""
    message = _NOT_SCANNED if found.not_scanned else _OFFERED if found.is_offered else _KEPT
    told = {"message": message, "email": found.bundle, "providers": found.offers}
    return {"success": True, "dry_run": True, **ExplainedSerializer(told).data}
