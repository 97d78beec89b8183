"""A request body with files streamed into it, which knows whether the transport has read all of it."""

from base64 import b64encode
from binascii import b2a_base64
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from io import BytesIO
from secrets import token_hex
from typing import BinaryIO

from providers.errors import Exhausted, ProviderError, Unreadable
from providers.message import Attachment
from providers.wire import shortage

PIECE = 57 * 1024  # whole base64 lines of 76 characters, and a multiple of 3: pieces encode independently
DAMAGED, MISSING = "attachment_damaged", "attachment_missing"  # codes of `Unreadable`


class Body(BytesIO):
    """A seekable body. After a lost connection, `taken` tells whether the mail may have been sent."""

    deadline = float("inf")  # of the whole exchange, on time.monotonic()
    size = 0  # total bytes

    @property
    def taken(self) -> bool:
        """Whether the transport has read the last byte, and so may have written it."""
        return self.tell() >= self.size


def token() -> str:
    """Return a placeholder that no sender can guess and write into a mail."""
    return f"gomail-{token_hex(16)}"


def assemble(template: bytes, parts: Mapping[str, Iterable[bytes]]) -> Body:
    """Return the template with each token replaced by its pieces, in this order. Only the result is in memory."""
    body = Body()
    try:
        _write(body, template, parts)
    except MemoryError as error:
        raise Exhausted("This machine has no memory for the request.", code="MemoryError") from error
    body.size = body.tell()
    body.seek(0)
    return body


def _write(body: Body, template: bytes, parts: Mapping[str, Iterable[bytes]]) -> None:
    for name, pieces in parts.items():
        before, found, template = template.partition(name.encode())
        if not found:
            raise ValueError("The template does not contain the tokens in this order.")
        body.write(before)
        body.writelines(pieces)
    body.write(template)


def content(attachment: Attachment) -> Iterator[bytes]:
    """Yield the file in pieces of PIECE bytes and close it; raise `Unreadable` or `Exhausted` if it cannot be read.

    Whether it is the file that was promised is known at its end, so nothing of it may be under way by then.
    """
    digest, size = sha256(), 0
    try:
        with attachment.open() as file:
            while size <= attachment.size and (piece := _filled(file)):
                digest.update(piece)
                size += len(piece)
                yield piece
    except OSError as error:
        raise _unread(attachment.filename, error) from error
    if size != attachment.size or attachment.sha256 not in {"", digest.hexdigest()}:
        raise Unreadable(f"Attachment damaged: {attachment.filename} is not what was stored.", code=DAMAGED)


def verify(attachments: Iterable[Attachment]) -> None:
    """Read the files to their ends and raise as `content` does, for whoever sends while he reads."""
    for attachment in attachments:
        deque(content(attachment), maxlen=0)


def _unread(name: str, error: OSError) -> ProviderError:
    if isinstance(error, FileNotFoundError):
        return Unreadable(f"Attachment missing: {name} is not stored any more.", code=MISSING)
    told = f"The attachment {name!r} cannot be read: {error.strerror or error}"
    return Exhausted(told, code=type(error).__name__) if shortage.explains(error) else Unreadable(told)


def in_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the base64 of the joined pieces, without line breaks."""
    rest = b""
    for piece in pieces:
        joined = rest + piece if rest else piece
        whole = len(joined) - len(joined) % 3
        rest = joined[whole:]
        yield b2a_base64(joined[:whole] if rest else joined, newline=False)
    yield b64encode(rest)


def _filled(file: BinaryIO) -> bytes:
    """Read a full piece: a file may return less than asked for, and a short piece inside would break its base64."""
    piece = file.read(PIECE)
    while 0 < len(piece) < PIECE and (more := file.read(PIECE - len(piece))):
        piece += more
    return piece
