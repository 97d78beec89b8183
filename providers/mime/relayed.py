"""The headers that a mail server of unknown make is given, because none is known to obey them.

Relays take orders from headers: X-MSYS-API holds recipients of its own, X-PM-Message-Stream another stream. No
list of them is whole, so what a client adds passes here only if it is known to mean something to readers alone.
"""

import re
from collections.abc import Iterable

_USUAL = re.compile(
    r"list-[a-z-]+|in-reply-to|references|auto-submitted|precedence|importance|x-priority|feedback-id|organization",
    re.IGNORECASE,
)


def unlisted(names: Iterable[str], allowed: Iterable[str]) -> str:
    """Return the first name that is neither a usual one nor among the allowed, in any case; empty when all are."""
    known = {name.lower() for name in allowed}
    return next((name for name in names if not _USUAL.fullmatch(name) and name.lower() not in known), "")
