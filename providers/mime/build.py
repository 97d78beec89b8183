"""The MIME builder of all providers. The same Message gives the same bytes; files are streamed, never held in memory.

The standard library's builder takes 1.2 ms for a small message and about 400 ms for 7 MB.
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime
from hashlib import sha256
from struct import Struct

from providers.errors import Refused
from providers.message import Attachment, Message
from providers.mime import content_types, parts
from providers.mime.headers import (
    LONGEST_LINE,
    Header,
    block,
    by_name,
    mailboxes,
    old_parameter,
    parameter,
    text,
    words,
)
from providers.wire.body import PIECE, content

ID_HEADER = "X-GoMail-ID"

_WRITTEN_HERE = (
    *("from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id"),
    *("x-gomail-id", "mime-version", "return-path", "received"),
)
_ID = re.compile(r"[\w.+-]{1,200}", re.ASCII)
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,200}")
# Text that a server on the way may change, or that could be taken for a boundary.
_FRAGILE = re.compile(r"[^\t\n -~]|^From |^--=_|[ \t]$|.{79}", re.MULTILINE)
_LINES = Struct("76s" * (PIECE // 57))
_ENCODED_PIECE = _LINES.size + 2 * (PIECE // 57)


@dataclass(frozen=True, slots=True)
class _Part:
    """A node of the MIME tree: its headers, and a body in which files are not yet read."""

    headers: tuple[Header, ...]
    body: tuple[bytes | Attachment, ...]


def chunks(message: Message) -> Iterator[bytes]:
    """Yield the message piece by piece; raise `Refused` before the first piece if it cannot be built."""
    for segment in _plan(message):
        if isinstance(segment, bytes):
            yield segment
        else:
            yield from _in_lines(segment)


def render(message: Message) -> bytes:
    """Return the whole message."""
    return b"".join(chunks(message))


def size(message: Message) -> int:
    """Return the length of the rendered message in bytes without reading its files."""
    return sum(
        len(segment) if isinstance(segment, bytes) else encoded_size(segment.size)
        for segment in _plan(message)
    )


def verify(message: Message) -> None:
    """Raise `Refused` if a header cannot be built, for providers that do not take MIME."""
    block(_message_headers(message))
    for file in message.attachments:
        block(_file(file, inline=True).headers)


def _plan(message: Message) -> tuple[bytes | Attachment, ...]:
    root = _tree(message)
    head = block([*_message_headers(message), ("MIME-Version", ["1.0"]), *root.headers])
    return head + b"\r\n", *root.body


def _message_headers(message: Message) -> list[Header]:
    if not _ID.fullmatch(message.id):
        raise Refused(f"The id {message.id!r} cannot stand in a header.")
    mailboxes("Bcc", message.bcc)  # checked like the others, but never written
    domain = message.sender.address.rpartition("@")[2]
    return [
        mailboxes("From", [message.sender]),
        *_recipients(message),
        *([mailboxes("Reply-To", message.reply_to)] if message.reply_to else []),
        text("Subject", message.subject),
        ("Date", [format_datetime(message.date)]),
        ("Message-ID", [f"<{message.id}@{domain}>"]),
        (ID_HEADER, [message.id]),
        *[_extra(name, value) for name, value in message.headers.items()],
    ]


def _recipients(message: Message) -> list[Header]:
    named = [mailboxes(name, boxes) for name, boxes in (("To", message.to), ("Cc", message.cc)) if boxes]
    return named or [("To", ["undisclosed-recipients:;"])]


def _extra(name: str, value: str) -> Header:
    if name.lower() in _WRITTEN_HERE or name.lower().startswith("content-"):
        raise Refused(f"The header {name} is written by GoMail itself.")
    if value.isascii() and max(map(len, words(value)), default=0) > LONGEST_LINE - len(name) - 2:
        raise Refused(f"The header {name} has a word that does not fit into a line.")
    return by_name(name, value)


def _tree(message: Message) -> _Part:
    files = parts.of(message)
    bodies = [_text(message.text, "plain")] if message.text or not message.html else []
    if message.html:
        html = _text(message.html, "html")
        shown = [_file(file, inline=True) for file in files.inline]
        bodies.append(_multipart("related", message, [html, *shown]) if shown else html)
    bodies += [_invitation(files.invitation)] if files.invitation else []
    root = bodies[0] if len(bodies) == 1 else _multipart("alternative", message, bodies)
    attached = [_file(file) for file in files.attached]
    return _multipart("mixed", message, [root, *attached]) if attached else root


def _multipart(subtype: str, message: Message, children: list[_Part]) -> _Part:
    # "=_" occurs neither in base64 nor in quoted-printable; a 7bit text is searched for it.
    boundary = f"=_{subtype}_{sha256(message.id.encode()).hexdigest()[:32]}"
    body: list[bytes | Attachment] = []
    for part in children:
        opening = "\r\n--" if body else "--"
        body += [f"{opening}{boundary}\r\n".encode() + block(part.headers) + b"\r\n", *part.body]
    body.append(f"\r\n--{boundary}--\r\n".encode())
    return _Part((("Content-Type", [f"multipart/{subtype};", f'boundary="{boundary}"']),), tuple(body))


def _text(value: str, subtype: str) -> _Part:
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    encoding, body = _encoded(value)
    return _Part(
        (
            ("Content-Type", [f"text/{subtype};", 'charset="utf-8"']),
            ("Content-Transfer-Encoding", [encoding]),
        ),
        (body,),
    )


def _encoded(value: str) -> tuple[str, bytes]:
    """Return the shortest encoding that is lossless: none, quoted-printable, or base64."""
    if not _FRAGILE.search(value):
        return "7bit", value.replace("\n", "\r\n").encode("ascii")
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise Refused("The text of the message contains half a character (a lone surrogate).") from error
    if len(data) - len(value) > len(value) // 6:  # characters outside of ASCII cost three bytes per byte
        return "base64", b"".join(_lines(data.replace(b"\n", b"\r\n")))
    return "quoted-printable", _quoted_printable(data)


def _quoted_printable(data: bytes) -> bytes:
    quoted = b2a_qp(data, istext=True)
    return re.sub(rb"(?m)^From ", b"=46rom ", quoted).replace(b"\n", b"\r\n")


def _file(file: Attachment, *, inline: bool = False) -> _Part:
    kind = content_types.for_a_header(file.content_type)
    old_name = old_parameter("name", file.filename) if file.filename else []
    headers: list[Header] = [
        ("Content-Type", _separated([*kind, *old_name[:1]]) + old_name[1:]),
        ("Content-Transfer-Encoding", ["base64"]),
        ("Content-Disposition", _disposition(file, "inline" if inline else "attachment")),
    ]
    if file.content_id and not _CONTENT_ID.fullmatch(file.content_id):
        raise Refused(f"The content id {file.content_id!r} cannot stand in a header.")
    if inline and file.content_id:
        headers.append(("Content-ID", [f"<{file.content_id}>"]))
    return _Part(tuple(headers), (file,))


def _invitation(file: Attachment) -> _Part:
    """Return the calendar as a third form of the text: without a name, as calendars write it themselves."""
    kind = content_types.for_a_header(file.content_type)
    known = "charset" in content_types.parameters(file.content_type)
    return _Part(
        (
            ("Content-Type", _separated([*kind, *([] if known else ['charset="utf-8"'])])),
            ("Content-Transfer-Encoding", ["base64"]),
        ),
        (file,),
    )


def _disposition(file: Attachment, kind: str) -> list[str]:
    return _separated([kind, *(parameter("filename", file.filename) if file.filename else [])])


def _separated(tokens: list[str]) -> list[str]:
    return [f"{token};" for token in tokens[:-1]] + tokens[-1:]


def _in_lines(file: Attachment) -> Iterator[bytes]:
    for piece in content(file):
        yield from _lines(piece)


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield base64 in lines of 76 characters. Unpacking by a Struct is several times faster than slicing."""
    for start in range(0, len(data), PIECE):
        encoded = b2a_base64(data[start : start + PIECE], newline=False)
        full = len(encoded) == _LINES.size
        lines = _LINES.unpack(encoded) if full else [encoded[i : i + 76] for i in range(0, len(encoded), 76)]
        yield b"\r\n".join(lines) + b"\r\n"


def encoded_size(length: int) -> int:
    """Return the length of this many bytes after encoding in base64 lines."""
    encoded = (length + 2) // 3 * 4
    return encoded + (encoded + 75) // 76 * 2
