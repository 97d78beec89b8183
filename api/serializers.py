"""Serializers of requests (to a Draft) and of stored emails."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.fields import empty

from api import attachments as files
from api import composition, fields, hints, purposes
from api.fields import fail
from api.forms import fields as form_fields
from api.uploads import Upload
from delivery.content import addresses, bodies
from delivery.content.drafts import Draft, without_repeats
from delivery.models import Email
from delivery.models.email import DEADLINE
from providers.message import Mailbox

_BODIES = frozenset({"body", "html_body", "text_body"})
_SHORTEST, _LONGEST = 60, 5 * 24 * 60 * 60  # seconds in which an email may be tried


class StrictSerializer(serializers.Serializer[Any]):
    """A request whose unknown fields are refused: a misspelt cc_addresses must not be lost in silence.

    A field that is null or empty is absent: that is what forms send for an input that was left empty. But not one that
    is true or false: an empty `dry_run` must not do it.
    """

    def get_fields(self) -> dict[str, Any]:
        """Copy only the fields that this request has or must have; copying all took a seventh of the time."""
        brought = getattr(self, "initial_data", None)
        if not isinstance(brought, Mapping):
            return super().get_fields()
        known = self._declared_fields.items()
        return copy.deepcopy({name: field for name, field in known if name in brought or _is_needed(field)})

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuse what the contract does not know."""
        if not isinstance(data, Mapping):
            raise fail("wrong_type", "must be an object.", "non_field_errors")
        known = self._declared_fields
        switches = {name for name, field in known.items() if isinstance(field, fields.Switch)}
        present = {name: value for name, value in data.items() if value is not None or name in switches}
        unknown = present.keys() - known.keys()
        if unknown:
            raise serializers.ValidationError(
                {name[:80]: [_unknown(name, list(known))] for name in sorted(unknown)}
            )
        given = {name: value for name, value in present.items() if value != "" or name in switches}
        values: dict[str, Any] = super().to_internal_value(given)
        return values


class EmptyingSerializer(StrictSerializer):
    """A change in which an empty text takes the one before away."""

    emptied: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Keep what is empty on purpose."""
        values = super().to_internal_value(data)
        empty = {name: "" for name in self.emptied if isinstance(data, Mapping) and data.get(name) == ""}
        return values | empty


class NarrowingSerializer(StrictSerializer):
    """What narrows an action down: an empty value is refused, for without its field the action would reach further."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuse what is empty, such as a variable that the client has not filled."""
        given = data if isinstance(data, Mapping) else {}
        empty = [name for name in self._declared_fields if name in given and given[name] in (None, "")]
        if empty:
            message = "must not be empty; leave it out if it is not meant to narrow this down."
            raise serializers.ValidationError({name: fail("empty", message).detail for name in empty})
        values: dict[str, Any] = super().to_internal_value(data)
        return values


class DraftSerializer(StrictSerializer):
    """The request of send-email/."""

    from_address = fields.MailboxField(required=False)
    to_addresses = fields.Recipients()
    cc_addresses = fields.MailboxesField(required=False)
    bcc_addresses = fields.MailboxesField(required=False)
    reply_to = fields.MailboxesField(required=False)
    subject = fields.Text(longest=fields.MAX_SUBJECT_CHARACTERS, header=True, required=False)
    body = fields.Body(required=False)
    html_body = fields.Body(required=False)
    text_body = fields.Body(required=False)
    headers = fields.HeadersField(required=False)
    tags = fields.TagsField(required=False)
    metadata = fields.MetadataField(required=False)
    on_ambiguous = serializers.ChoiceField(Email.OnAmbiguous.choices, required=False)
    priority = composition.PriorityField(required=False)
    purpose = serializers.ChoiceField(Email.Purpose.choices, required=False)
    unsubscribe = purposes.UnsubscribeField(required=False)
    send_at = fields.Moment(required=False)
    expires_in = fields.Seconds(least=_SHORTEST, most=_LONGEST, required=False)
    attachments = files.AttachmentsField(required=False)
    template = fields.Text(longest=composition.LONGEST_NAME, header=True, required=False)
    variables = composition.VariablesField(required=False)
    locale = composition.LocaleField(required=False)
    signature = fields.Text(longest=composition.LONGEST_NAME, header=True, required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuse a file that came where the text of a field belongs."""
        if isinstance(data, Mapping):
            _refuse_files_for_texts(data.get("attachments"), self._declared_fields.keys() - {"attachments"})
        return super().to_internal_value(data)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Check the total number of recipients, and what the purpose asks for."""
        count = sum(len(values.get(name, ())) for name in ("to_addresses", "cc_addresses", "bcc_addresses"))
        if count > fields.MAX_RECIPIENTS:
            raise serializers.ValidationError(
                {
                    "to_addresses": fail(
                        "too_many", f"to, cc and bcc may name {fields.MAX_RECIPIENTS} mailboxes together."
                    ).detail
                }
            )
        return purposes.checked(composition.checked(values))

    def to_draft(self) -> Draft:
        """Return the validated request as a Draft."""
        values = self.validated_data
        text, html = text_and_html(
            values.get("body", ""), values.get("text_body", ""), values.get("html_body", "")
        )
        return Draft(
            sender=values.get("from_address") or default_sender(),
            to=values["to_addresses"],
            cc=values.get("cc_addresses", ()),
            bcc=values.get("bcc_addresses", ()),
            reply_to=without_repeats(values.get("reply_to", ()))[0],
            subject=values.get("subject", ""),
            text=text,
            html=html,
            headers=values.get("headers", {}),
            tags=values.get("tags", ()),
            metadata=values.get("metadata", {}),
            on_ambiguous=values.get("on_ambiguous", "resend"),
            priority=values.get("priority", "normal"),
            purpose=values.get("purpose", "transactional"),
            unsubscribe=values.get("unsubscribe", ""),
            send_at=values.get("send_at"),
            expires_in=values.get("expires_in", int(DEADLINE.total_seconds())),
            attachments=values.get("attachments", ()),
            template=composition.of(values),
            signature=values.get("signature", ""),
        )


def text_and_html(body: str, text_body: str, html_body: str = "") -> tuple[str, str]:
    """Return (text, html) of a body that is either, or of HTML, and of the caller's own alternative if there is one."""
    if html_body and body:
        raise serializers.ValidationError(
            {
                "html_body": fail(
                    "invalid_value", "goes without body; for its plain text there is text_body."
                ).detail
            }
        )
    if html_body:
        return text_body or bodies.text_of(html_body), html_body
    if bodies.is_html(body):
        return text_body or bodies.text_of(body), body
    if text_body and body:
        raise serializers.ValidationError(
            {
                "text_body": fail(
                    "invalid_value", "goes with an HTML body; this body is plain text. Is it html_body?"
                ).detail
            }
        )
    return body or text_body, ""


def default_sender() -> Mailbox:
    """Return the default sender; raise ValidationError without one."""
    if not settings.DEFAULT_FROM_EMAIL:
        raise serializers.ValidationError(
            {"from_address": fail("required", "is missing, and DEFAULT_FROM_EMAIL is not set.").detail}
        )
    return addresses.mailbox(settings.DEFAULT_FROM_EMAIL)


def _refuse_files_for_texts(files: Any, texts: Collection[str]) -> None:
    """Raise for curl's -F body=@mail.html: as an attachment of an empty email it would be lost on its way."""
    uploads = [file for file in files if isinstance(file, Upload)] if isinstance(files, list) else []
    for upload in uploads:
        name = form_fields.base(upload.field)
        if name in texts:
            raise serializers.ValidationError({name: [_file_for_text(name)]})


def _file_for_text(name: str) -> serializers.ErrorDetail:
    curl = f'curl: -F "{name}=<mail.html"' if name in _BODIES else f'curl: -F "{name}=..."'
    hint = ", or as html_body" if name == "body" else ""
    return serializers.ErrorDetail(
        f"came as a file; it is a text. Send it without a file name{hint} ({curl}); "
        "an attachment needs a field of another name.",
        "file_for_text",
    )


def _is_needed(field: Any) -> bool:
    return field.required or field.default is not empty


def _unknown(name: str, known: list[str]) -> serializers.ErrorDetail:
    message = f"is not a field of this request.{hints.meant(name, known)}"
    return serializers.ErrorDetail(message, "unknown_field")


class FieldErrorSerializer(serializers.Serializer[Any]):
    """An error of one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class FailureSerializer(serializers.Serializer[Any]):
    """Every error answer below /api/."""

    success = serializers.BooleanField(default=False)
    message = serializers.CharField()
    code = serializers.CharField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]


class TakenSerializer(serializers.Serializer[Any]):
    """GoMail has accepted the email."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    id = serializers.UUIDField()
    status = serializers.ChoiceField(Email.Status.choices)
    provider = serializers.CharField()
    suppressed = serializers.ListField(child=serializers.CharField(), required=False)  # who was left out


class ResultSerializer(serializers.Serializer[Any]):
    """The result of one email of a batch."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(Email.Status.choices, required=False)
    code = serializers.CharField(required=False)


class BatchResultSerializer(serializers.Serializer[Any]):
    """The results, in the order of the request."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = ResultSerializer(many=True)
