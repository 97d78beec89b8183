"""Tombstones: what stands where the address and the names of an erased person stood, a keyed hash of the address.

Whoever has no key cannot tell whose it is, nor try addresses out. Whoever has it finds the person again by asking for
the very address: a suppression goes on working.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from django.conf import settings

PREFIX: Final = "erased:"
SHORTEST_KEY: Final = 32  # characters
_DIGITS: Final = 20
_ONE = re.compile(rf"{PREFIX}[0-9a-f]{{{_DIGITS}}}")
_BETWEEN = re.compile(r"[^A-Za-z0-9._+-]")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def of(canonical: str) -> list[str]:
    """Return the tombstones of an address under every key, newest first; none without a key."""
    content = canonical.encode(errors="replace")
    return [_made(key, content) for key in settings.GOMAIL_TOMBSTONE_KEYS]


def of_each(several: Iterable[str]) -> dict[str, str]:
    """Return each of these addresses by each of its tombstones."""
    return {tombstone: address for address in several for tombstone in of(address)}


def is_one(text: str) -> bool:
    """Tell whether a text is a tombstone."""
    return text.startswith(PREFIX) and bool(_ONE.fullmatch(text))


def variants(text: str) -> list[str]:
    """Return what a text has become if every address in it was erased under one of the keys."""
    if not settings.GOMAIL_TOMBSTONE_KEYS or not (found := set(_ADDRESS.findall(text))):
        return []
    names = {address: of(address.lower()) for address in found}
    return [
        _replaced(text, {address: several[number] for address, several in names.items()})
        for number in range(len(settings.GOMAIL_TOMBSTONE_KEYS))
    ]


def hidden(text: str, erased: Collection[str]) -> str:
    """Return a text with the addresses of erased people replaced; `erased`: their tombstones."""
    return _ADDRESS.sub(lambda found: _hidden(found[0], erased), text)


def trouble() -> str:
    """Return why nobody can be erased; empty when it works."""
    if not settings.GOMAIL_TOMBSTONE_KEYS:
        return "GOMAIL_TOMBSTONE_KEYS is not set, and what is kept of an erased person is hashed by them."
    if min(map(len, settings.GOMAIL_TOMBSTONE_KEYS)) < SHORTEST_KEY:
        return f"GOMAIL_TOMBSTONE_KEYS holds a key of fewer than {SHORTEST_KEY} characters."
    return ""


def _made(key: str, content: bytes) -> str:
    return PREFIX + hmac.digest(key.encode(), content, hashlib.sha256).hex()[:_DIGITS]


def _hidden(found: str, erased: Collection[str]) -> str:
    """Return the tombstone for what looks like an address; a quote or a sign may stand before it."""
    begins = [0, *(between.end() for between in _BETWEEN.finditer(found.partition("@")[0]))]
    for start in begins:
        if name := next((each for each in of(found[start:].lower()) if each in erased), ""):
            return found[:start] + name
    return found


def _replaced(text: str, names: Mapping[str, str]) -> str:
    return _ADDRESS.sub(lambda found: names[found[0]], text)
