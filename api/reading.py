"""The rate of reads: counted for each GET, told in its answer; see docs/limits.md."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from api import limit_headers
from api.authentication import team
from delivery.access import reads

_READ: Final = "_gomail_reads"  # on Django's request: the policy of a read, and what is left


class ReadRate(BaseThrottle):
    """Refuses what a team reads beyond its rate."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count a read; raise TooMany for one too many."""
        whose = team(request)
        if whose is None or request.method not in {"GET", "HEAD"}:
            return True
        try:
            left = reads.take(whose.pk)
        except reads.TooMany as refusal:
            setattr(request._request, _READ, refusal.policy)
            raise
        setattr(request._request, _READ, left)
        return True


class ReadsLeft:
    """Middleware that says in the answer to a read what is left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers."""
        answer = self.get_response(request)
        if left := getattr(request, _READ, None):
            for name, value in limit_headers.of([left]).items():
                answer.headers.setdefault(name, value)
        return answer
