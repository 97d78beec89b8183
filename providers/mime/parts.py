"""What each file of a message is in the mail: shown in the HTML, an invitation, or an attachment.

The same for every vendor: decided here, and only written differently.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

from providers.message import Attachment, Message
from providers.mime import content_types

_CID = re.compile(r"""\bcid:([^\s"<>]{1,800}(?:(?<=/)>)?)""", re.IGNORECASE)
_ENDS = (
    "\0",
    "'",
    '"',
    ")",
    "/>",
)  # an id may hold some of them, so that each is tried; the first is nowhere
_CALENDAR = "text/calendar"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A message's files by what they are."""

    inline: tuple[Attachment, ...]  # the HTML refers to them
    attached: tuple[Attachment, ...]  # everything else, in its order
    # One of the attached that a calendar shall read: it stands beside the text as well, since Outlook looks there
    # alone, and others look at attachments alone.
    invitation: Attachment | None = None


_NONE = Parts(inline=(), attached=())


def of(message: Message) -> Parts:
    """Return the message's files by what they are."""
    if not message.attachments:
        return _NONE
    known = {file.content_id for file in message.attachments if file.content_id}
    shown = known & set(_referred(message.html)) if known and message.html else set()
    attached = tuple(file for file in message.attachments if file.content_id not in shown)
    return Parts(
        inline=tuple(file for file in message.attachments if file.content_id in shown),
        attached=attached,
        invitation=_invitation(attached),
    )


def _referred(html: str) -> Iterator[str]:
    """Yield every content id that the HTML names, also percent-encoded, with entities, or in a style's url(...)."""
    for found in _CID.finditer(html):
        reference = unescape(found[1])
        yield found[1]
        for end in _ENDS:
            plain = reference.partition(end)[0]
            yield from (plain, unquote(plain))


def _invitation(files: tuple[Attachment, ...]) -> Attachment | None:
    """Return the one file with a method of iTIP (RFC 6047); of two no program could tell which is meant."""
    found = [
        file
        for file in files
        if content_types.bare(file.content_type) == _CALENDAR
        and "method" in content_types.parameters(file.content_type)
    ]
    return found[0] if len(found) == 1 else None
