"""Many emails in one request, with a result for each."""

import json
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import answers, errors, preferences, schemas, sending
from api.authentication import key, team
from api.errors import ContractError
from api.fields import fail
from api.parsers import StrictJSONParser
from api.serializers import BatchResultSerializer, DraftSerializer, FailureSerializer, StrictSerializer
from api.throttling import Throttled
from delivery.access.scopes import Scope
from delivery.models import Email
from delivery.submission import batches

MOST = 1000
MAX_BODY_BYTES = 8 * 1024 * 1024  # of all emails together: making the text of HTML takes up to a second a MiB
_BODIES = ("body", "text_body", "html_body")
_FAILURES = dict.fromkeys((400, 401, 403, 405, 409, 413, 429, 500, 503), FailureSerializer)


@extend_schema_field(DraftSerializer(many=True))
class Requests(serializers.Field):  # type: ignore[type-arg]
    """A list; its entries are validated one by one."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Check the number of entries."""
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list.")
        if not data:
            raise fail("empty", "must hold an email.")
        if len(data) > MOST:
            raise fail("too_many", f"may hold {MOST:,} emails.")
        if (size := sum(map(_body_bytes, data))) > MAX_BODY_BYTES:
            raise ContractError(
                "body_too_large",
                f"The bodies of a batch may have {MAX_BODY_BYTES:,} bytes together, not {size:,}."
                " Send the emails in several batches.",
            )
        return data


class BatchSerializer(StrictSerializer):
    """Up to 1,000 requests of send-email/."""

    emails = Requests()


class Batches(Throttled):
    """Accept up to 1,000 emails for a worker to send."""

    http_method_names = ("post",)
    scope = Scope.BATCHES_SEND
    parser_classes = (StrictJSONParser,)

    @extend_schema(
        operation_id="send_batch",
        request=BatchSerializer,
        examples=schemas.BATCH,
        parameters=[preferences.IDEMPOTENCY_KEY],
        responses={202: BatchResultSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Accept the emails and answer with a result for each, in order."""
        serializer = BatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        items = [_item(request, *entry) for entry in enumerate(serializer.validated_data["emails"])]
        return answers.of_many(_accepted(request, items))


def _body_bytes(entry: Any) -> int:
    if not isinstance(entry, dict):
        return 0
    texts = [text for name in _BODIES if isinstance(text := entry.get(name), str)]
    texts += [json.dumps(entry["variables"], ensure_ascii=False)] if "variables" in entry else []
    return sum(len(text.encode()) for text in texts)


def _item(request: Request, number: int, entry: Any) -> batches.Item | ContractError:
    """Return one validated email of the batch, or its error."""
    serializer = DraftSerializer(data=entry)
    try:
        serializer.is_valid(raise_exception=True)
        draft = sending.allowed(request, serializer.to_draft())
        return batches.Item(draft=draft, key_use=preferences.key_use(request, number, draft=draft))
    except (serializers.ValidationError, ContractError) as error:
        return errors.translated(error)


def _accepted(request: Request, items: list[batches.Item | ContractError]) -> list[Email | ContractError]:
    valid = [item for item in items if isinstance(item, batches.Item)]
    good = iter(batches.accept(valid, team=team(request), key=key(request)))
    return [item if isinstance(item, ContractError) else answers.result(next(good)) for item in items]
