"""Lists as files: how one is asked for, and answered."""

from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from api import parameters
from api.negotiation import prefers
from api.serializers import FailureSerializer
from delivery.audience import exports

CSV = (
    OpenApiParameter("format", str, enum=["csv"]),
    OpenApiParameter("for_spreadsheet", bool, description="nothing that a spreadsheet would compute"),
    OpenApiParameter("delimiter", str, enum=list(exports.DELIMITERS)),
)
TOO_WIDE = {422: FailureSerializer}  # each name in the data of contacts is a column


def options(request: Request, *, for_spreadsheet: bool = False) -> dict[str, Any]:
    """Return how a file is to be written; raise ContractError for a way that does not exist.

    `for_spreadsheet`: whether it is for one where that is not said.
    """
    given, usual = request.query_params, str(for_spreadsheet).lower()
    if given.get("format", "csv") != "csv":
        raise parameters.invalid("format", "invalid_choice", "must be csv.")
    asked, delimiter = given.get("for_spreadsheet", usual), given.get("delimiter", ",")
    if asked not in ("true", "false"):
        raise parameters.invalid("for_spreadsheet", "invalid_choice", "must be true or false.")
    if delimiter not in exports.DELIMITERS:
        raise parameters.invalid("delimiter", "invalid_choice", "must be a comma, a semicolon, a tab or |.")
    return {"for_spreadsheet": asked == "true", "delimiter": delimiter}


def wants_csv(request: Request) -> bool:
    """Tell whether a list is asked for as a file."""
    return "format" in request.query_params or prefers(request.META.get("HTTP_ACCEPT", ""), "text/csv")


def as_csv(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    """Answer with a file."""
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
