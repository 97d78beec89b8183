"""Early answers: if a request takes too long, the client gets one while the work goes on.

GoMail's server puts a list into the environ of each request; a view adds an early answer as soon as it is true. Other
servers do not have the list, and the client waits for the final answer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

PLACE = "gomail.early_answer"
NOT_NOW = (
    "gomail.not_now"  # in the environ: true if no thread may wait for a provider, for the team has its share
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer, as a server sends it."""

    status: str  # 202 Accepted
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


def leave(environ: Mapping[str, Any], make: Callable[[], tuple[int, Mapping[str, str], bytes]]) -> None:
    """Add a function that makes the answer (status, headers, JSON); it runs in another thread, and only if needed."""
    place = environ.get(PLACE)
    if place is not None:  # None under another server
        place.append(lambda: _answer(*make()))


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return Answer(
        status=f"{status} {HTTPStatus(status).phrase}", headers=[*own.items(), *headers.items()], body=[body]
    )
