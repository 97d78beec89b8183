"""An answer that is longer than memory should be is kept in a file until its client has it."""

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.body_limit import BodyLimit
from gomail.server import spooling, worker
from gomail.server.spooling import Spooled

PIECE = b"x" * (256 * 1024)
MEBIBYTE = 1024 * 1024


class Streaming:
    """An application that streams so many pieces, and notes when it was closed."""

    def __init__(self, pieces: int) -> None:
        self.pieces, self.is_closed = pieces, False

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> "Streaming":
        start_response("200 OK", [("Content-Type", "text/csv")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.pieces):
            assert not self.is_closed
            yield bytearray(PIECE)  # type: ignore[misc] - a copy

    def close(self) -> None:
        self.is_closed = True


def test_a_long_answer_of_the_whole_stack_takes_no_memory() -> None:
    application = Streaming(128)  # 32 MiB
    tracemalloc.start()
    try:
        answer = worker._collect(BodyLimit(application), {"REQUEST_METHOD": "GET", "PATH_INFO": "/"})
        size = sum(map(len, answer.body))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert application.is_closed
    assert size == 128 * len(PIECE)
    assert most < 4 * MEBIBYTE
    assert isinstance(answer.body, Spooled)
    answer.body.close()


def test_a_short_one_touches_no_disk() -> None:
    assert spooling.complete(iter([b"a", b"b"])) == [b"a", b"b"]


def test_an_answer_that_breaks_off_is_closed_and_raises() -> None:
    class Broken(Streaming):
        def __iter__(self) -> Iterator[bytes]:
            yield from super().__iter__()
            raise LookupError

    application = Broken(8)
    with pytest.raises(LookupError):
        worker._collect(BodyLimit(application), {"REQUEST_METHOD": "GET", "PATH_INFO": "/"})
    assert application.is_closed
