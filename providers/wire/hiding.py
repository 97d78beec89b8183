"""Secrets that a vendor or a library quotes back, in whichever spelling, made unreadable before people see the text."""

import base64
import html
import json
import re
import string
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "[hidden]"
# Shorter ones are in every other word: hiding them hides what a sentence says, and where it says so tells them.
SHORTEST: Final = 4
_SURE: Final = 6  # letters of base64: fewer are in words
_FOR_URLS: Final = str.maketrans("+/", "-_")
_LETTERS: Final = frozenset(string.ascii_letters + string.digits + "+/=_-")
_PERCENT: Final = re.compile("%[0-9A-F]{2}")


def without(text: str, secrets: Iterable[str]) -> str:
    """Return a text without these secrets, be they written plainly, percent-encoded, in base64, or escaped."""
    known = tuple(secret for secret in secrets if len(secret) >= SHORTEST)
    for part in _in_base64(known):
        text = _without_run(text, part)
    for spelling in _spelt(known):
        text = text.replace(spelling, HIDDEN)
    return text


@lru_cache(maxsize=64)
def _spelt(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Return all spellings but those in base64; one that is within another comes after it."""
    found = {each for secret in secrets for each in _spellings(secret)}
    return tuple(sorted(found, key=len, reverse=True))


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    for encode in (quote_plus, quote, partial(quote, safe="")):
        encoded = encode(secret, errors="replace")
        yield from (encoded, _PERCENT.sub(lambda found: found[0].lower(), encoded))
    for several in (True, False):
        escaped = json.dumps(secret, ensure_ascii=several)[1:-1]
        yield from (escaped, escaped.replace("/", r"\/"))


@lru_cache(maxsize=64)
def _in_base64(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is in every base64 text that holds a secret, in either alphabet, at whichever byte it begins."""
    plain = (secret.encode(errors="replace") for secret in secrets)
    found = {part for secret in plain for before in range(3) for part in _certain(secret, before)}
    return tuple(sorted(found | {part.translate(_FOR_URLS) for part in found}, key=len, reverse=True))


def _certain(secret: bytes, before: int) -> Iterator[str]:
    """Return the letters that the secret alone decides, be there so many bytes before it in its group of three."""
    coded = base64.b64encode(bytes(before) + secret).decode()
    if not before:
        yield coded  # alone: with what fills up its last group
    certain = coded[before + 1 if before else 0 : (before + len(secret)) * 8 // 6]
    if len(certain) >= _SURE:
        yield certain


def _without_run(text: str, part: str) -> str:
    """Hide a part of a base64 text with the letters around it, which hold the rest of the secret."""
    end = 0
    while (begin := text.find(part, end)) >= 0:
        end = begin + len(part)
        while begin and text[begin - 1] in _LETTERS:
            begin -= 1
        while end < len(text) and text[end] in _LETTERS:
            end += 1
        text, end = f"{text[:begin]}{HIDDEN}{text[end:]}", begin + len(HIDDEN)
    return text
