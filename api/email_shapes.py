"""How an email of the log is shown: a line of it, and one in full."""

from typing import Any

from rest_framework import serializers

from api import composition
from delivery.models import Attachment, Attempt, Email, Recipient

_CONTENT = "null: the key lacks the scope emails.content"
MAY_READ_CONTENT = "may_read_content"  # in a serializer's context


class RecipientSerializer(serializers.ModelSerializer[Recipient]):
    """One recipient with its own status."""

    class Meta:
        model = Recipient
        fields = ("kind", "name", "address", "status", "reason")


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    """One file, without its content."""

    class Meta:
        model = Attachment
        fields = ("filename", "content_type", "content_id", "size", "sha256", "pruned_at")


def anonymous(by: str) -> str:
    """Return no person's name: clients are not told who works here."""
    return by if by.startswith("event:") or not by else "person"


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """One hand-over to one provider."""

    settled_by = serializers.SerializerMethodField(
        help_text="What settled an unknown outcome: `event:<kind>` of the provider, or `person`; else empty."
    )

    class Meta:
        model = Attempt
        fields = (
            "id",
            "provider",
            "outcome",
            "provider_message_id",
            "error",
            "code",
            "detail",
            "started_at",
            "latency_ms",
            "settled_at",
            "settled_by",
        )

    def get_settled_by(self, attempt: Attempt) -> str:
        """Return what it was."""
        return anonymous(attempt.settled_by)


class EmailSummarySerializer(serializers.ModelSerializer[Email]):
    """A line of the log."""

    recipients = RecipientSerializer(many=True)

    class Meta:
        model = Email
        fields = (
            "id", "status", "provider", "reason", "subject", "from_address", "from_name", "tags", "metadata",
            "created_at", "due_at", "finished_at", "possible_duplicate", "mailing", "recipients",
        )  # fmt: skip


class ResendableSerializer(serializers.ModelSerializer[Email]):
    """An email that would be sent again."""

    recipients = RecipientSerializer(many=True)

    class Meta:
        model = Email
        fields = ("id", "status", "subject", "from_address", "created_at", "recipients")


class ContentField(serializers.CharField):
    """A body, for a key with the scope emails.content; without it null."""

    def get_attribute(self, instance: Email) -> Any:
        """Keep it back unless the view says that this request may read it."""
        return super().get_attribute(instance) if self.context.get(MAY_READ_CONTENT) else None


class EmailSerializer(EmailSummarySerializer):
    """One email in full."""

    text_body = ContentField(allow_null=True, help_text=_CONTENT)
    html_body = ContentField(allow_null=True, help_text=_CONTENT)
    template = composition.WrittenWith()
    signatures = composition.Signatures()
    attachments = AttachmentSerializer(many=True)
    attempts = AttemptSerializer(many=True)
    left_out = serializers.DictField(
        child=serializers.CharField(),
        help_text="the providers that were not asked in the last round, and why: they cannot carry the email, "
        "or could not be used at that moment",
    )

    class Meta:
        model = Email
        fields = (
            *EmailSummarySerializer.Meta.fields,
            "reply_to", "headers", "text_body", "html_body", "body_pruned_at", "on_ambiguous", "left_out", "expires_at",
            "priority", "purpose", "unsubscribe", "resend_of", "template", "signatures",
            "attachments", "attempts",
        )  # fmt: skip
