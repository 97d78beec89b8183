"""Drafts: a client's request to send an email, validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from delivery.content import addresses
from providers.message import Attachment, Mailbox

UNSIGNED: Final = "none"


@dataclass(frozen=True, kw_only=True)
class FromTemplate:
    """What an email is to be written with, instead of a subject and bodies."""

    template: str  # its id or its slug
    variables: Mapping[str, Any] = field(default_factory=dict)
    locale: str = ""  # folded; empty: the default


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An email as a client wants it: every value is validated, nothing is stored yet."""

    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""  # empty: plain text
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    on_ambiguous: Literal["resend", "stop"] = "resend"
    priority: Literal["high", "normal", "bulk"] = "normal"  # bulk: of mailings only
    purpose: Literal["transactional", "marketing", "essential"] = "transactional"
    unsubscribe: str = ""  # what its unsubscribe link ends: marketing or list:<name>; empty: it has none
    send_at: datetime | None = None  # aware; None or past: now
    expires_in: int = 24 * 60 * 60  # seconds after send_at; an email not accepted by then has expired
    attachments: tuple[Attachment, ...] = ()
    template: FromTemplate | None = None
    signature: str = ""  # an id, or `none`; empty: the one that matches
    # How it was written, once it is: {id, slug, version, locale} and [{id, kind}, …]
    written_with: Mapping[str, Any] | None = None
    signed_with: tuple[Mapping[str, Any], ...] = ()

    def is_for_later(self, now: datetime) -> bool:
        """Tell whether the email is to be sent at a future time."""
        return self.send_at is not None and self.send_at > now


def without_repeats(*groups: tuple[Mailbox, ...]) -> list[tuple[Mailbox, ...]]:
    """Return the groups with only the first occurrence of each address: SendGrid refuses a mail that repeats one."""
    seen: set[str] = set()
    return [tuple(box for box in group if not _seen(box, seen)) for group in groups]


def _seen(box: Mailbox, seen: set[str]) -> bool:
    known = addresses.canonical(box.address) in seen
    seen.add(addresses.canonical(box.address))
    return known
