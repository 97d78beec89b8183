"""A request body with files streamed into it, which knows whether the transport has taken all of it."""

from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from secrets import token_hex
from typing import BinaryIO

from providers.errors import Unreadable
from providers.message import Attachment

PIECE = 57 * 1024  # whole base64 lines of 76 characters, and a multiple of 3: pieces encode independently


class Body(BytesIO):
    """A seekable body. When the connection is lost, `taken` tells a mail not sent from one that may be."""

    deadline = float("inf")  # on time.monotonic(): when the exchange carrying this body must be over
    size = 0  # bytes in all

    @property
    def taken(self) -> bool:
        """Whether the transport has read the last byte, and so may have written it."""
        return self.tell() >= self.size


def token() -> str:
    """Return a placeholder that no sender can guess and put into a mail."""
    return f"gomail-{token_hex(16)}"


def assemble(template: bytes, parts: Mapping[str, Iterable[bytes]]) -> Body:
    """Return the template with each token, in this order, replaced by its pieces. Only the result is in memory."""
    body = Body()
    for name, pieces in parts.items():
        before, found, template = template.partition(name.encode())
        if not found:
            raise ValueError("The template does not hold the tokens in their order.")
        body.write(before)
        body.writelines(pieces)
    body.write(template)
    body.size = body.tell()
    body.seek(0)
    return body


def content(attachment: Attachment) -> Iterator[bytes]:
    """Yield the file in pieces of PIECE bytes and close it; `Unreadable` when it cannot be read."""
    try:
        with attachment.open() as file:
            while piece := _filled(file):
                yield piece
    except OSError as error:
        raise Unreadable(
            f"The attachment {attachment.filename!r} cannot be read: {error.strerror or error}"
        ) from error


def in_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces as one base64 text without line breaks."""
    rest = b""
    for piece in pieces:
        joined = rest + piece if rest else piece
        whole = len(joined) - len(joined) % 3
        rest = joined[whole:]
        yield b2a_base64(joined[:whole] if rest else joined, newline=False)
    yield b64encode(rest)


def _filled(file: BinaryIO) -> bytes:
    """A file may give less than was asked for; a short piece inside would break its base64."""
    piece = file.read(PIECE)
    while 0 < len(piece) < PIECE and (more := file.read(PIECE - len(piece))):
        piece += more
    return piece
