"""The outermost WSGI wrapper, for every path: reads no body that is not wanted, too large or not authenticated."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.core.handlers.wsgi import get_path_info
from django.urls import Resolver404, resolve

from api import error_codes, no_room

ROOM_BYTES = 2_796_203  # for all but the attachments: bodies of 2 MB at most, and the other fields
MAX_BODY_BYTES = settings.ATTACHMENTS_MAX_BYTES * 4 // 3 + ROOM_BYTES  # Base64; 12 MiB for attachments of 7
ADMIN_BODY_BYTES = 64 * 1024  # its longest form, a hundred emails chosen in a list, has 6 KB
UNSUBSCRIBE_BODY_BYTES = 4 * 1024  # one field of 26 bytes, in a form of any kind
EDITOR_BODY_BYTES = 2 * 1024 * 1024  # a template in the admin's editor, percent-encoded
_EDITORS = tuple(f"/admin/delivery/{model}/" for model in ("template", "signature", "mailing"))
_CHUNK = 64 * 1024
_WITH_BODY = {"POST", "PUT", "PATCH"}
_RECEIVED = "gomail.received"  # in the environ: the body, or the code of the reason why there is none
_STATUS_LINES = {400: "400 Bad Request", 413: "413 Content Too Large", 503: "503 Service Unavailable"}

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def most(environ: Environ) -> int:
    """Return how many bytes of body this path reads at this method; 0 for what no view reads, and unknown paths."""
    method = environ.get("REQUEST_METHOD", "")
    try:
        return _most(method, get_path_info(environ)) if method in _WITH_BODY else 0
    except UnicodeError:
        return 0


@lru_cache(maxsize=256)  # Django resolves the path again: for the paths that are asked most, it is done once
def _most(method: str, path: str) -> int:
    try:
        function = resolve(path).func
    except Resolver404:
        return 0
    if path.startswith(("/admin/", "/accounts/", "/invite/")):
        usual = EDITOR_BODY_BYTES if path.startswith(_EDITORS) else ADMIN_BODY_BYTES
        return int(getattr(function, "most_bytes", usual))
    view = getattr(function, "view_class", None)
    if path.startswith("/u/"):
        return UNSUBSCRIBE_BODY_BYTES
    # A redirect has all methods, and parses nothing.
    reads = hasattr(view, "parser_classes") and hasattr(view, method.lower())
    return int(getattr(view, "most_bytes", MAX_BODY_BYTES)) if reads else 0


class BodyLimit:
    """Refuses a request body over its path's limit by its Content-Length, or a chunked one as soon as it exceeds it.

    A slow client sends slowly. A server with separate I/O threads calls receive() in one of them, and then the
    application, with the whole body at hand, in a worker thread.
    """

    def __init__(
        self,
        application: Application,
        admits: Callable[[Environ], bool] | None = None,
        most: Callable[[Environ], int] | None = None,
        whose: Callable[..., int | None] | None = None,
        note: Callable[..., None] | None = None,
    ) -> None:
        """Ask `most` how many bytes a path reads, MAX_BODY_BYTES unless given, and `admits` whether of this client.

        A server that shares its threads out asks `whose` a request is, and tells `note` of each that it has answered.
        """
        self.application = application
        self.admits = admits or _everybody
        self.most = most or _as_much_as_any
        self.whose = whose or _nothing
        self.note = note or _nothing

    def receive(self, environ: Environ, work: Callable[..., Any] | None = None) -> None:
        """Read the body; small ones without asking `admits`, which `work(function, argument)` runs: it may query."""
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length = _length(environ)
        limit = self.most(environ) if chunked or length else 0
        if not limit:
            _leave(environ)
        elif length > limit:
            environ[_RECEIVED] = "request_too_large"
        elif (chunked or length > _CHUNK) and not (work or _call)(self.admits, environ):
            _leave(environ)
        else:
            _read(environ, limit)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer 413, or call the application with the received body and its length."""
        if _RECEIVED not in environ:
            self.receive(environ)
        body = environ[_RECEIVED]
        if isinstance(body, str):
            return _refuse(body, self.most(environ), start_response)
        with ExitStack() as ending:
            ending.enter_context(body)
            answer = self.application(environ | {"wsgi.input": body}, start_response)
            ending.callback(getattr(answer, "close", _nothing))  # lets Django end the request
            return _Answer(answer, ending.pop_all())


class _Answer:
    """What an application answers, with what is to be done when a server has it."""

    def __init__(self, pieces: Iterable[bytes], ending: ExitStack) -> None:
        self._pieces, self._ending = pieces, ending

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self._ending.close()


def _leave(environ: Environ) -> None:
    """Let the application see no body; the server closes the connection, for there may be one."""
    environ |= {_RECEIVED: BytesIO(), "CONTENT_LENGTH": "0"}


def _read(environ: Environ, limit: int) -> None:
    body = tempfile.SpooledTemporaryFile(_CHUNK)  # noqa: SIM115 - BodyLimit closes it
    try:
        size = _copy(environ["wsgi.input"], body, _length(environ) or limit + 1)
    except OSError as error:
        if not no_room.explains(error):
            raise
        body.close()
        environ[_RECEIVED] = "unavailable"
        return
    if size > limit or size < _length(environ):  # cut off: what came might be read as a whole
        body.close()
        environ[_RECEIVED] = "request_too_large" if size > limit else "malformed_request"
        return
    body.seek(0)
    environ[_RECEIVED] = body
    if not _length(environ):  # chunked; Django would take it for a request without a body
        environ["CONTENT_LENGTH"] = str(size)


def _everybody(environ: Environ) -> bool:
    """Admit every request."""
    return True


def _as_much_as_any(environ: Environ) -> int:
    """Return the limit of the largest."""
    return MAX_BODY_BYTES


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in this thread."""
    return function(*arguments)


def _nothing(*_: Any) -> None:
    """Replace a missing function."""


def _length(environ: Environ) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _copy(source: IO[bytes], target: Any, most: int) -> int:
    size = 0
    while size < most and (chunk := source.read(min(_CHUNK, most - size))):
        size += target.write(chunk)
    return size


def _refuse(name: str, limit: int, start_response: Callable[..., Any]) -> Iterable[bytes]:
    code = error_codes.REQUEST[name]
    messages = {
        "request_too_large": f"The request body is over the limit of {limit} bytes.",
        "malformed_request": "The request body ended before the bytes that its Content-Length names.",
    }
    message = messages.get(name, code.meaning)
    body = json.dumps({"success": False, "message": message, "code": name, "errors": []}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    later = [("Retry-After", no_room.RETRY_AFTER)] if code.status == 503 else []
    start_response(_STATUS_LINES[code.status], headers + later)
    return [body]
