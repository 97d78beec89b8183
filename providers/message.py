"""The values exchanged with a provider: the message handed over, and the receipt returned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import BinaryIO


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """One address with an optional display name, already validated."""

    address: str  # local@domain, ASCII, the domain as A-labels
    name: str = ""  # Unicode, no control characters


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One file. Each reader opens the content anew, so that 7 MB need not stay in memory."""

    filename: str  # Unicode, no path, no control characters
    content_type: (
        str  # type/subtype and its parameters, see mime.content_types; never multipart/* or message/*
    )
    size: int  # bytes, decoded
    open: Callable[[], BinaryIO] = field(repr=False)
    content_id: str = ""  # without <>; what the HTML may refer to by cid:, see mime.parts
    sha256: str = ""  # in hex, of what was promised; empty: only the size is compared when it is read


@dataclass(frozen=True, kw_only=True)
class Message:
    """One email as every provider gets it. The same Message gives the same MIME bytes at every provider."""

    id: str  # our email's id: X-GoMail-ID, Message-ID and MIME boundaries derive from it
    date: datetime  # aware; the Date header
    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()  # in the envelope, never in a header
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""  # empty: a plain-text message
    headers: Mapping[str, str] = field(default_factory=dict)  # extra headers, names and values validated
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    tracked: bool = (
        True  # False: the vendor is told to count no opens and clicks, and to add no way out of its own
    )

    @property
    def recipients(self) -> tuple[Mailbox, ...]:
        """All recipients of the envelope, in the order to, cc, bcc."""
        return self.to + self.cc + self.bcc


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A provider's acceptance: its promise to deliver."""

    provider: str  # the provider's name in GOMAIL_PROVIDERS
    message_id: str  # the provider's own id of the message
    refused: Mapping[str, str] = field(default_factory=dict)  # refused recipients: {address: reason}
    account_problem: str = ""  # accepted but held back by the vendor: why this account cannot send now


def file_of_bytes(content: bytes, *, filename: str, content_type: str, content_id: str = "") -> Attachment:
    """Return an Attachment whose content is already in memory."""
    return Attachment(
        filename=filename,
        content_type=content_type,
        size=len(content),
        open=lambda: BytesIO(content),
        content_id=content_id,
    )
