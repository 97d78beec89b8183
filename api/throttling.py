"""What is left of a client's limits, in the headers of each answer to who sends; see docs/limits.md."""

from typing import Any

from django.db import DatabaseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import limit_headers
from api.authentication import key, team
from delivery.access import terms, usage
from delivery.access.usage import Policy


class Throttled(APIView):
    """A view that takes emails: its answers say what is left."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the headers; an answer that is known is not lost because they cannot be read."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code < 500 and answer.status_code != 401:
            try:
                _mark(request, answer)
            except DatabaseError:
                return answer
        return answer


def policies(request: Request) -> list[Policy]:
    """Return the limits of the request's team and key, with what is left of each."""
    accounts = terms.accounts(team(request), key(request))
    return [policy for account in accounts for policy in usage.policies(account, usage.of(account))]


def _mark(request: Request, response: Response) -> None:
    if found := policies(request):
        for name, value in limit_headers.of(found).items():
            response.headers[name] = value
