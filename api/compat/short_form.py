"""POST /email, the contract of GoMail's second origin: six required fields, answers of one field, the same pipeline."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import answers, errors, fields, schemas, sending
from api.parsers import StrictJSONParser
from api.serializers import text_and_html
from api.throttling import Throttled
from delivery.access.scopes import Scope
from delivery.content import addresses
from delivery.content.drafts import Draft
from delivery.models import Email
from providers.message import Mailbox

REQUIRED = ("to", "to_name", "from", "from_name", "subject", "body")
NOT_JSON = "JSON data is not valid."


class ShortFormSerializer(serializers.Serializer[Draft]):
    """The six fields. Others are ignored, as they always were."""

    to = fields.Text(longest=320, header=True)
    to_name = fields.Text(longest=addresses.MAX_NAME, header=True)
    from_name = fields.Text(longest=addresses.MAX_NAME, header=True)
    subject = fields.Text(longest=fields.MAX_SUBJECT_CHARACTERS, header=True)
    body = fields.Body()

    def get_fields(self) -> dict[str, Any]:
        """Add the field `from`, which is a keyword in Python."""
        declared = super().get_fields() | {"from": fields.Text(longest=320, header=True)}
        return {name: declared[name] for name in REQUIRED}

    def to_draft(self) -> Draft:
        """Return the validated request as a Draft."""
        values = self.validated_data
        text, html = text_and_html(values["body"], "")
        return Draft(
            sender=_mailbox(values, "from"),
            to=(_mailbox(values, "to"),),
            subject=values["subject"],
            text=text,
            html=html,
        )


class AnswerSerializer(serializers.Serializer[Any]):
    """Every answer, success or error."""

    message = serializers.CharField()


class PostEmail(Throttled):
    """Send one email to one person."""

    http_method_names = ("post",)
    scope = Scope.EMAILS_SEND
    open_query = True  # what it does not know it ignores, as its clients expect: decision 0002
    parser_classes = (StrictJSONParser,)

    @extend_schema(
        operation_id="post_email",
        request=ShortFormSerializer,
        examples=schemas.SHORT_FORM,
        responses=dict.fromkeys(
            (200, 202, 400, 401, 403, 405, 409, 413, 422, 429, 500, 503), AnswerSerializer
        ),
    )
    def post(self, request: Request) -> Response:
        """Accept the email, offer it to the providers in order, and answer with its status."""
        serializer = ShortFormSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return _told(request, sending.send(request, sending.allowed(request, serializer.to_draft()), _told))

    def get_exception_handler(self) -> Any:
        """Answer errors in this API's format."""
        return _answer


def _told(request: Request, email: Email) -> Response:
    answer = answers.taken(request, email)
    return Response(
        {"message": answer.data["message"]}, status=answer.status_code, headers=dict(answer.headers)
    )


def _answer(exc: Exception, context: dict[str, Any]) -> Response:
    response = errors.answer(exc, context)
    message = NOT_JSON if response.data["code"] == "malformed_json" else _message(response.data)
    response.data = {"message": message}
    return response


def _message(data: dict[str, Any]) -> str:
    missing = {error["field"] for error in data["errors"] if error["code"] == "required"}
    first = next((name for name in REQUIRED if name in missing), None)
    return f"Incoming payload is missing the required field, {first}." if first else str(data["message"])


def _mailbox(values: dict[str, str], name: str) -> Mailbox:
    try:
        return Mailbox(address=addresses.bare(values[name].strip()), name=values[f"{name}_name"].strip())
    except addresses.InvalidAddress as error:
        raise serializers.ValidationError(
            {name: fields.fail("invalid_address", str(error)).detail}
        ) from error
