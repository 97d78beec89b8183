"""What the OpenAPI document says beyond the serializers: forms as they are, and examples that can be sent."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest

from api.forms.parsers import MultiPartParser, UrlencodedParser
from api.parsers import StrictJSONParser

_EMAIL: dict[str, Any] = {
    "from_address": "GoMail <me@example.org>",
    "to_addresses": ["Ann Lee <ann@example.net>", "bob@example.net"],
    "subject": "Your invoice",
    "html_body": "<p>Your invoice is attached.</p>",
    "text_body": "Your invoice is attached.",
    "headers": {"X-Campaign": "spring"},
    "tags": ["invoice"],
    "metadata": {"order": "5"},
    "attachments": [{"filename": "invoice.txt", "content": "VG90YWw6IDUgRVVS", "content_type": "text/plain"}],
}
_SHORT_FORM = {
    "to": "ann@example.net",
    "to_name": "Ann Lee",
    "from": "me@example.org",
    "from_name": "GoMail",
    "subject": "Hello",
    "body": "Hi Ann",
}


def _text(description: str, *, example: str = "", **more: Any) -> dict[str, Any]:
    """Describe a text; its example may be empty, but where there is none the page fills in the word string."""
    return {"type": "string", "description": description, "example": example, **more}


def _boxes(description: str, *example: str) -> dict[str, Any]:
    """Describe a list that a form repeats: one mailbox an entry."""
    said = f"{description}; one mailbox each"
    return {"type": "array", "items": {"type": "string"}, "description": said, "example": list(example)}


_FIELDS: dict[str, dict[str, Any]] = {
    "from_address": _text("one mailbox; empty: the default sender", example="GoMail <me@example.org>"),
    "to_addresses": _boxes("the recipients", "Ann Lee <ann@example.net>", "bob@example.net"),
    "cc_addresses": _boxes("recipients of a copy"),
    "bcc_addresses": _boxes("recipients of a copy that the others do not see"),
    "reply_to": _boxes("where answers go"),
    "subject": _text("at most 900 characters", example="Your invoice"),
    "body": _text("plain text or HTML, which is detected", example="Hi Ann"),
    "html_body": _text("HTML, whatever it looks like; instead of body"),
    "text_body": _text("the plain text beside an HTML body"),
    "headers": _text("a JSON object as text", example='{"X-Campaign": "spring"}'),
    "tags": {
        "type": "array",
        "items": {"type": "string"},
        "description": "words to find emails by",
        "example": ["invoice", "spring"],
    },
    "metadata": _text("a JSON object as text", example='{"order": "5"}'),
    "on_ambiguous": _text(
        "what to do when a provider may have taken it or not", example="resend", enum=["resend", "stop"]
    ),
    "priority": _text("a lane of its own for what is urgent", example="normal", enum=["normal", "high"]),
    "purpose": _text(
        "which suppressions apply; essential needs a scope of its own",
        example="transactional",
        enum=["transactional", "marketing", "essential"],
    ),
    "unsubscribe": _text("true or a list's name: adds an unsubscribe link; one recipient only"),
    "template": _text("a template's id or slug; instead of a subject and bodies"),
    "variables": _text("what the template is written with: a JSON object as text", example=""),
    "locale": _text("the language that the template is wanted in, such as de-AT"),
    "signature": _text("a signature's id, or none; empty: the one that matches"),
    "send_at": _text("a time with its offset, such as 2026-12-31T08:00:00+01:00", format="date-time"),
    "expires_in": {
        "type": "integer",
        "example": 86_400,
        "minimum": 60,
        "maximum": 432_000,
        "description": "seconds in which the email may be tried; a day unless given",
    },
}
_FILES = {
    "attachments": {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "example": [],
        "description": "the files, each a part of its own with its file name; a field of any name that is not in "
        "this list may hold one, too",
    }
}


_REPEATED = {name: {"style": "form", "explode": True} for name, field in _FIELDS.items() if "items" in field}


def _form(properties: dict[str, dict[str, Any]], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["to_addresses"],
        "description": f"{description} Lists are repeated (also as `tags[]`, `tags[0]`); what is empty is absent.",
        "properties": properties,
    }


def email_in(serializer: Any) -> dict[str, Any]:
    """Return the request of send-email/ by its media type; the serializer is that of JSON."""
    return {
        StrictJSONParser.media_type: serializer,
        MultiPartParser.media_type: OpenApiRequest(
            _form(_FIELDS | _FILES, "A form with files."), encoding=_REPEATED
        ),
        UrlencodedParser.media_type: OpenApiRequest(
            _form(_FIELDS, "A form without files."), encoding=_REPEATED
        ),
    }


def _example(value: Any) -> list[OpenApiExample]:
    media_type = StrictJSONParser.media_type
    return [OpenApiExample("As it can be sent", value=value, request_only=True, media_type=media_type)]


EMAIL = _example(_EMAIL)
BATCH = _example({"emails": [_EMAIL, _EMAIL | {"to_addresses": "eve@example.net", "subject": "Your order"}]})
SHORT_FORM = _example(_SHORT_FORM)
NEW_KEY = _example(
    {
        "name": "web shop",
        "scopes": ["emails.send", "emails.read"],
        "from_addresses": ["shop@example.org"],
        "networks": ["192.0.2.0/24"],
    }
)
