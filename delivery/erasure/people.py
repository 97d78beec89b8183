"""A person, by one address: how it may be written, and what stands in its place afterwards."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from delivery.content import addresses, tombstones

# Also an address that nobody could write to: vendors list such, too.
_ANY = re.compile(r"[^\s<>\x00-\x1f\x7f\ud800-\udfff]{1,250}@[^\s<>@\x00-\x1f\x7f\ud800-\udfff]{1,250}")
_LONGEST = 254
_AT = ("@", "%40", "&#64;")
# Not the end of a longer address; what follows the code of a character, as in %3Cbob@…, is a beginning.
_BEGINNING = r"(?:(?<![A-Za-z0-9._+\-])|(?<=%[0-9A-Fa-f]{2}))"
_END = r"(?![A-Za-z0-9_\-])(?!\.[A-Za-z0-9])"


HOW_TO_MAKE_KEYS: Final = (
    'Make one with python -c "import secrets; print(secrets.token_urlsafe(32))", keep it as long as the data, and give '
    "it to every process as GOMAIL_TOMBSTONE_KEYS; `make run` writes one into .env. See docs/erasure.md."
)


class NoKeys(Exception):
    """Nobody can be erased: the message says what is missing."""


@dataclass(frozen=True)
class Person:
    """Somebody who has this address."""

    address: str  # canonical

    @cached_property
    def tombstone(self) -> str:
        """What stands in its place."""
        return tombstones.of(self.address)[0]

    @cached_property
    def known_as(self) -> list[str]:
        """The address, and all that may stand in its place since earlier erasures."""
        return [self.address, *tombstones.of(self.address)]

    @cached_property
    def spellings(self) -> list[str]:
        """How the address may be written in a text; upper and lower case are the same."""
        local, _, domain = self.address.rpartition("@")
        domains = dict.fromkeys((domain, _in_unicode(domain)))
        return [f"{local}{at}{each}" for each in domains for at in _AT]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        written = "|".join(map(re.escape, self.spellings))
        return re.compile(f"{_BEGINNING}(?:{written}){_END}", re.IGNORECASE)

    def is_in(self, value: Any) -> bool:
        """Tell whether a text, or a value of JSON, holds the address."""
        return bool(self.hidden(value) != value)

    def is_named(self, text: str) -> bool:
        """Tell whether a text is the address and nothing else."""
        return addresses.canonical(text.strip()) == self.address

    def hidden(self, value: Any) -> Any:
        """Return a text, or a value of JSON, with the tombstone wherever the address stood, and for the name beside."""
        if isinstance(value, str):
            return self._pattern.sub(self.tombstone, value)
        if isinstance(value, Mapping):
            return {self.hidden(str(name)): self.hidden(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return self._box(value) or [self.hidden(part) for part in value]
        return value

    def _box(self, value: Any) -> list[str]:
        """Return [address, name] of this person without either; empty if it is something else."""
        if len(value) == 2 and all(isinstance(part, str) for part in value) and self.is_named(value[0]):
            return [self.tombstone, self.tombstone if value[1] else ""]
        return []


def find(text: str) -> Person:
    """Return the person with this address, in whatever case or spelling; raise InvalidAddress or NoKeys."""
    if missing := tombstones.trouble():
        raise NoKeys(missing)
    return named(text)


def named(text: str) -> Person:
    """Return the same where nothing is to be erased, and no key is needed; raise InvalidAddress."""
    text = text.strip()
    try:
        return Person(addresses.canonical(addresses.bare(text)))
    except addresses.InvalidAddress:
        if len(text) <= _LONGEST and _ANY.fullmatch(text):
            return Person(addresses.canonical(text))
        raise


def _in_unicode(domain: str) -> str:
    try:
        return ".".join(map(_label, domain.split(".")))
    except UnicodeError:
        return domain


def _label(label: str) -> str:
    return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
