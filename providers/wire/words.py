"""A vendor's own words, apart from what they may quote of a message.

Whoever sends an email chooses its addresses, file names and headers, and vendors quote them in their answers. A
decision that concerns everybody (this account cannot send, pause this provider) must not follow from such a quote.
"""

import re
from collections.abc import Iterable

from providers.errors import AccountProblem, DomainRefused, NotAccepted, ProviderError, Throttled
from providers.message import Message

_OF_OTHERS_TOO = (AccountProblem, DomainRefused, Throttled)  # errors that keep the mail of others away, too
# From the first mark to the last: what is quoted may hold marks of its own.
_QUOTED = re.compile(r"""".*"|“.*”|`.*[`']|(?<!\w)'.*'(?!\w)|<.*>|\(.*\)|\[.*\]""", re.DOTALL)
_NAMES = re.compile(r"\S*@\S*|\S+\.\w\S*")  # addresses; domains and file names


def own(words: str, quotable: Iterable[str] = ()) -> str:
    """Return the words without what stands in quotes or brackets, without names, and without what is quotable."""
    plain = _NAMES.sub(" ", _QUOTED.sub(" ", words))
    for quoted in sorted({text.strip() for text in quotable} - {""}, key=len, reverse=True):
        plain = re.sub(rf"(?<!\w){re.escape(quoted)}(?!\w)", " ", plain, flags=re.IGNORECASE)
    return plain


def judged(
    kind: type[ProviderError], pattern: str, words: str, quotable: Iterable[str] = ()
) -> type[ProviderError]:
    """Return the kind of error that a pattern in a vendor's words means.

    Where only a quote matches, an error that others would feel becomes `NotAccepted`, which blames nobody.
    """
    if not issubclass(kind, _OF_OTHERS_TOO):
        return kind
    return kind if re.search(pattern, own(words, quotable), re.IGNORECASE) else NotAccepted


def quotable(message: Message) -> list[str]:
    """Return what a vendor might quote of a message without a mark around it."""
    boxes = (message.sender, *message.recipients, *message.reply_to)
    addresses = [part for box in boxes for part in (box.address, *box.address.split("@"), box.name)]
    named = [text for pair in (*message.headers.items(), *message.metadata.items()) for text in pair]
    return [
        *addresses,
        *named,
        *message.tags,
        message.subject,
        *(file.filename for file in message.attachments),
    ]
