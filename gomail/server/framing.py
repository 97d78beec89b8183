"""What is one request and nothing else. gunicorn refuses most of what could be read in two ways; here is the rest.

Where the next request begins is known only when this one has been read to its end: a connection whose client has
sent a body that nobody read, or that waits for a "100 Continue" it did not get, is closed after the answer.
"""

from typing import Any

from gunicorn.http import errors
from gunicorn.http.body import ChunkedReader
from gunicorn.http.message import Request as PlainRequest
from gunicorn.http.parser import RequestParser

from gomail.server.reading import TimedUnreader

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(PlainRequest):  # type: ignore[misc]
    """The head of a request, whose body is read later."""

    unreader: TimedUnreader
    _expected_100_continue: bool

    def set_body_reader(self) -> None:
        """Refuse what has no length that everybody agrees on; promise a "100 Continue" for the first read."""
        if self.version >= (1, 1) and not any(name == "HOST" for name, _ in self.headers):
            raise errors.InvalidHeader("HOST", req=self)
        for name, value in self.headers:
            if name == "TRANSFER-ENCODING" and not _is_chunked(value):
                raise errors.UnsupportedTransferCoding(value)
        super().set_body_reader()
        self.unreader.greeting = _CONTINUE if self._expected_100_continue and self._has_more() else b""
        self._expected_100_continue = False  # or gunicorn sends it, whether the body is wanted or not

    def should_close(self) -> bool:
        """Tell whether this is the connection's last request."""
        return bool(super().should_close()) or self._has_more()

    def _has_more(self) -> bool:
        """Tell whether some of the body has not been read."""
        reader: Any = self.body.reader
        return reader.parser is not None if isinstance(reader, ChunkedReader) else reader.length > 0


class Parser(RequestParser):  # type: ignore[misc]
    """The requests of one connection."""

    mesg_class = Request

    def __init__(self, cfg: Any, sock: Any, client: Any) -> None:
        super().__init__(cfg, sock, client)
        self.unreader = TimedUnreader(sock)


def _is_chunked(value: str) -> bool:
    """Tell whether every coding is `chunked`; gunicorn refuses two of them."""
    return all(coding.strip(" \t").lower() == "chunked" for coding in value.split(","))
