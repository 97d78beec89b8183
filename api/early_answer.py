"""What a client is told of a request that takes too long, while the work for it goes on.

The server makes a place for it in the environ of each request; a view leaves there what is true as soon as it may be
said. Where no such place is, under another server, the client waits for the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

PLACE = "gomail.early_answer"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer, as a server sends it."""

    status: str  # 202 Accepted
    headers: list[tuple[str, str]]
    body: list[bytes]


def leave(environ: Mapping[str, Any], make: Callable[[], tuple[int, Mapping[str, str], bytes]]) -> None:
    """Leave what makes the answer (status, headers, JSON); it is called in another thread, and only if it is needed."""
    place = environ.get(PLACE)
    if place is not None:  # another server makes none, and its client waits
        place.append(lambda: _answer(*make()))


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return Answer(
        status=f"{status} {HTTPStatus(status).phrase}", headers=[*own.items(), *headers.items()], body=[body]
    )
