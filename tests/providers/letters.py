"""Messages to send in tests."""

import random
from datetime import UTC, datetime
from typing import Any

from providers.message import Attachment, Mailbox, Message, file_of_bytes

ID = "0190b3c4-1111-7222-8333-444455556666"
ATTEMPT = "0190b3c4-aaaa-7bbb-8ccc-ddddeeeeffff"


def letter(**changes: Any) -> Message:
    """Return a small message, with some fields changed."""
    fields: dict[str, Any] = {
        "id": ID,
        "date": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "sender": Mailbox(address="shop@example.org", name="Shop"),
        "to": (Mailbox(address="ann@example.com", name="Ann"),),
        "subject": "Your order",
        "text": "It is on its way.\n",
    }
    return Message(**{**fields, **changes})


def file(content: bytes, name: str = "data.bin", kind: str = "application/octet-stream") -> Attachment:
    """Return an attachment."""
    return file_of_bytes(content, filename=name, content_type=kind)


def noise(size: int) -> bytes:
    """Return bytes like those of a compressed file, the same every time."""
    return random.Random(size).randbytes(size)
