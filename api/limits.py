"""The outermost wrapper: what is too large is refused before anybody reads it."""

import json
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any

from django.conf import settings

from api import codes

ROOM_BYTES = (
    2_796_203  # for everything but the attachments: a body and its alternative of 2 MB at most, fields
)
MAX_BODY_BYTES = settings.ATTACHMENTS_MAX_BYTES * 4 // 3 + ROOM_BYTES  # Base64; 12 MiB for attachments of 7
_CHUNK = 64 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class BodyLimit:
    """Refuse a request body over the limit from its Content-Length, or as soon as a chunked one has passed it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer 413, or let the application see a body of known length."""
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            return self._chunked(environ, start_response)
        if _length(environ) > MAX_BODY_BYTES:
            return _refuse(start_response)
        return self.application(environ, start_response)

    def _chunked(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Django takes a request without a length for one without a body.
        with tempfile.TemporaryFile() as body:
            size = _copy(environ["wsgi.input"], body)
            if size > MAX_BODY_BYTES:
                return _refuse(start_response)
            body.seek(0)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(size)}
            answer = self.application(environ, start_response)
            try:
                return list(answer)
            finally:
                getattr(answer, "close", _nothing)()  # gives back the database connection


def _nothing() -> None:
    """Stand for the close() that an answer need not have."""


def _length(environ: dict[str, Any]) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _copy(source: IO[bytes], target: IO[bytes]) -> int:
    size = 0
    while size <= MAX_BODY_BYTES and (chunk := source.read(_CHUNK)):
        size += target.write(chunk)
    return size


def _refuse(start_response: Callable[..., Any]) -> Iterable[bytes]:
    code = codes.REQUEST["request_too_large"]
    message = f"The request body is over the limit of {MAX_BODY_BYTES} bytes."
    body = json.dumps(
        {"success": False, "message": message, "code": "request_too_large", "errors": []}
    ).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{code.status} Content Too Large", headers)
    return [body]
