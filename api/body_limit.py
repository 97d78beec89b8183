"""The outermost WSGI wrapper: answers requests that are too large or not authenticated before reading their body."""

import json
import tempfile
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import IO, Any

from django.conf import settings

from api import error_codes

ROOM_BYTES = 2_796_203  # for all but the attachments: bodies of 2 MB at most, and the other fields
MAX_BODY_BYTES = settings.ATTACHMENTS_MAX_BYTES * 4 // 3 + ROOM_BYTES  # Base64; 12 MiB for attachments of 7
_CHUNK = 64 * 1024
_RECEIVED = "gomail.received"  # in the environ: the body; None: it is over the limit

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class BodyLimit:
    """Refuses a request body over the limit by its Content-Length, or a chunked one as soon as it exceeds the limit.

    A slow client sends slowly. A server with separate I/O threads calls receive() in one of them, and then the
    application, with the whole body at hand, in a worker thread.
    """

    def __init__(self, application: Application, admits: Callable[[Environ], bool] | None = None) -> None:
        """Take the application, and a function that tells by the environ whether to read a request's body."""
        self.application = application
        self.admits = admits or _everybody

    def receive(self, environ: Environ, work: Callable[..., Any] | None = None) -> None:
        """Read the body; small ones without asking `admits`, which `work(function, argument)` runs: it may query."""
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if _length(environ) > MAX_BODY_BYTES:
            environ[_RECEIVED] = None
        elif not chunked and not _length(environ):
            environ[_RECEIVED] = BytesIO()
        elif (chunked or _length(environ) > _CHUNK) and not (work or _call)(self.admits, environ):
            environ |= {_RECEIVED: BytesIO(), "CONTENT_LENGTH": "0"}
        else:
            _read(environ, MAX_BODY_BYTES + 1 if chunked else _length(environ))

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer 413, or call the application with the received body and its length."""
        if _RECEIVED not in environ:
            self.receive(environ)
        body = environ[_RECEIVED]
        if body is None:
            return _refuse(start_response)
        with body:
            answer = self.application(environ | {"wsgi.input": body}, start_response)
            try:
                return list(answer)
            finally:
                getattr(answer, "close", _nothing)()  # lets Django end the request


def _read(environ: Environ, most: int) -> None:
    body = tempfile.SpooledTemporaryFile(_CHUNK)  # noqa: SIM115 - BodyLimit closes it
    size = _copy(environ["wsgi.input"], body, most)
    if size > MAX_BODY_BYTES:
        body.close()
        environ[_RECEIVED] = None
        return
    body.seek(0)
    environ[_RECEIVED] = body
    if not _length(environ):  # chunked; Django would take it for a request without a body
        environ["CONTENT_LENGTH"] = str(size)


def _everybody(environ: Environ) -> bool:
    """Admit every request."""
    return True


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in this thread."""
    return function(*arguments)


def _nothing() -> None:
    """Replace a missing close()."""


def _length(environ: Environ) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _copy(source: IO[bytes], target: Any, most: int) -> int:
    size = 0
    while size < most and (chunk := source.read(min(_CHUNK, most - size))):
        size += target.write(chunk)
    return size


def _refuse(start_response: Callable[..., Any]) -> Iterable[bytes]:
    code = error_codes.REQUEST["request_too_large"]
    message = f"The request body is over the limit of {MAX_BODY_BYTES} bytes."
    body = json.dumps(
        {"success": False, "message": message, "code": "request_too_large", "errors": []}
    ).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{code.status} Content Too Large", headers)
    return [body]
