"""The headers of a sending request: Idempotency-Key and Prefer."""

import re
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from api.authentication import team
from api.early_answer import NOT_NOW
from api.errors import ContractError
from delivery.submission import idempotency
from delivery.submission.idempotency import KeyUse

_KEY = re.compile("[ -~]{1,255}")
_SEPARATOR = "\x1f"  # not allowed in a client's key
ASYNC = "respond-async"
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 printable ASCII characters"
)
PREFER = OpenApiParameter(
    "Prefer", str, OpenApiParameter.HEADER, description="respond-async: do not wait for a provider; 202"
)


def key_use(request: Request, number: int | None = None, **content: Any) -> KeyUse | None:
    """Return the use of the request's Idempotency-Key for this content; None if it has none.

    In a batch, each email has its own use of the batch's key, by its number.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        message = "must have 1 to 255 printable ASCII characters."
        error = {"field": "Idempotency-Key", "code": "invalid_value", "message": message}
        raise ContractError("invalid", f"Idempotency-Key: {message}", [error])
    own = key if number is None else f"{key}{_SEPARATOR}{number}"
    return idempotency.use(own, team(request), **content)


def wants_async(request: Request) -> bool:
    """Tell whether the client prefers not to wait (RFC 7240), or its team has no thread left that could."""
    if request.META.get(NOT_NOW):
        return True
    preferences = request.META.get("HTTP_PREFER", "").split(",")
    return ASYNC in {preference.partition(";")[0].strip().lower() for preference in preferences}
