"""The text fields of a form: decoded, each once, lists gathered from the ways in which clients write them."""

import re

from api.forms import charsets
from api.forms.stream import BrokenForm
from api.parsers import duplicate

LISTS = frozenset({"to_addresses", "cc_addresses", "bcc_addresses", "reply_to", "tags"})
OBJECTS = frozenset({"headers", "metadata", "variables"})
_CHARSET = "_charset_"  # a field with the charset of those that do not name their own (RFC 7578, 4.6)
_BRACKETED = re.compile(r"([a-z_]{1,40})\[([^\[\]]*)\]")
_NUMBERED = re.compile(r"[a-z_]{1,40}\[[0-9]{1,9}\]")
_INDEX = re.compile("[0-9]{0,9}")

Value = str | list[str] | dict[str, str]


class Fields:
    """Collects the fields of one form."""

    def __init__(self) -> None:
        self._came: list[tuple[str, bytes, str]] = []
        self._charset = ""

    def add(self, name: str, content: bytes, charset: str = "") -> None:
        """Take a field; the charset is what it says about itself."""
        if name == _CHARSET:
            self._charset = content.decode("ascii", "replace").strip()
        else:
            self._came.append((name, content, charset))

    def values(self, charset: str = "") -> dict[str, Value]:
        """Return the values; the charset is what the whole form says. Raise BrokenForm or a ContractError."""
        default = self._charset or charset or charsets.UTF_8
        gathered: dict[str, Value] = {}
        numbered: set[str] = set()
        for name, content, own in self._came:
            text = charsets.decoded(content, own or default, f"the field {name[:80]}")
            if "\x00" in text or "\x00" in name:
                raise BrokenForm(f"the field {name[:80]!a} holds U+0000")
            if _NUMBERED.fullmatch(name) and name in numbered:
                raise duplicate(name)
            numbered.add(name)
            _gather(gathered, name, text)
        return gathered


def base(written: str) -> str:
    """Return a field's name without the brackets that make it an entry of a list: to_addresses[], tags[0]."""
    found = _BRACKETED.fullmatch(written)
    return found[1] if found and found[1] in LISTS | OBJECTS | {"attachments"} else written


def _gather(gathered: dict[str, Value], written: str, text: str) -> None:
    found = _BRACKETED.fullmatch(written)
    if found and found[1] in OBJECTS:
        _enter(gathered, found[1], found[2], text)
    elif found and found[1] in LISTS and _INDEX.fullmatch(found[2]):
        _append(gathered, found[1], text)
    elif written not in gathered:
        gathered[written] = text
    elif written in LISTS:
        _append(gathered, written, text)
    else:
        raise duplicate(written)


def _append(gathered: dict[str, Value], name: str, text: str) -> None:
    """Add an entry to a list; an input that was left empty is none."""
    so_far = gathered.get(name, [])
    entries = so_far if isinstance(so_far, list) else [so_far] if isinstance(so_far, str) and so_far else []
    gathered[name] = entries
    if text:
        entries.append(text)


def _enter(gathered: dict[str, Value], name: str, key: str, text: str) -> None:
    """Add an entry to an object: metadata[order]=5."""
    entries = gathered.setdefault(name, {})
    if not isinstance(entries, dict) or key in entries:
        raise duplicate(f"{name}[{key}]")
    entries[key] = text
