"""Pagination of the log."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ContractError


class NewestFirst(CursorPagination):
    """Newest first, by cursor: it stays correct while new rows come in, and costs the same on every page."""

    ordering = "-id"  # version 7 UUIDs sort by time
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    what = "Emails"

    @classmethod
    def of(cls, what: str) -> "type[NewestFirst]":
        """Return the pagination of other rows, whose ids sort by time as well."""
        return type(f"{what}NewestFirst", (cls,), {"what": what})

    def get_page_size(self, request: Request) -> int:
        """Return the size of a page; raise ContractError if it is not a number, instead of using the default."""
        asked = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not re.fullmatch("[0-9]{1,9}", asked) or int(asked) == 0:
            raise ContractError("malformed_request", "page_size: must be a number from 1 on.")
        return min(int(asked), self.max_page_size)

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page in the API's format."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response({"success": True, "message": f"{self.what}, newest first", **links, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe that page."""
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        described["properties"] |= {"success": {"type": "boolean"}, "message": {"type": "string"}}
        return described

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        """Return one page; an invalid cursor is a bad parameter (400), not a missing page (404)."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, ValidationError) as error:
            raise ContractError(
                "malformed_request", "cursor: is not one that this service gave out."
            ) from error
