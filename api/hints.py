"""What a client may have meant by a name that is not known here."""

import difflib
from collections.abc import Iterable

_LONGEST = 80


def meant(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean to_addresses?` for the closest known name; empty if none is close.

    Whatever its case and hyphens: `replyTo` is reply_to. The beginning of one name alone stands for it: `to`, `html`.
    """
    plain = {_plain(each): each for each in known}
    word = _plain(name[:_LONGEST])
    begun = [each for each in plain if each.startswith(f"{word}_")]
    close = begun if len(begun) == 1 else difflib.get_close_matches(word, plain, 1)
    return f" Did you mean {plain[close[0]]}?" if close else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
