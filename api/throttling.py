"""What is left of a client's limits, in the headers of each answer to who sends; see docs/limits.md.

`RateLimit-Policy` and `RateLimit` are those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10): q the quota,
w its window in seconds, qu its unit, r what is left, t the seconds until more is left. `ratelimit-limit`, `-remaining`
and `-reset` are the older form, of the policy of which the smallest part is left.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import DatabaseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

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
        for name, value in _headers(found).items():
            response.headers[name] = value


def _headers(found: Sequence[Policy]) -> dict[str, str]:
    tightest = min(found, key=lambda policy: policy.left / policy.quota)
    older = {"ratelimit-limit": str(tightest.quota), "ratelimit-remaining": str(tightest.left)}
    if tightest.more_in is not None:
        older["ratelimit-reset"] = str(tightest.more_in)
    return {
        "RateLimit-Policy": _list(f'"{one.name}";q={one.quota}{_unit(one)}{_window(one)}' for one in found),
        "RateLimit": _list(f'"{one.name}";r={one.left}{_more(one)}' for one in found),
        **older,
    }


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _unit(policy: Policy) -> str:
    return f';qu="{policy.unit}"' if policy.unit else ""


def _window(policy: Policy) -> str:
    return f";w={policy.window}" if policy.window else ""


def _more(policy: Policy) -> str:
    return f";t={policy.more_in}" if policy.more_in is not None else ""
