"""From a record's cells to what is known of one person, or the reason why the row is not taken."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import email_validator

from delivery.content import addresses, formulas
from delivery.models import ImportReject
from delivery.models.contact import LONGEST_NAME, MOST_DATA

Code = ImportReject.Code
NAMES: Final = ("first_name", "last_name", "name", "locale")
LONGEST_LOCALE: Final = 35
SHOWN: Final = 200  # characters of a cell that is not taken
# Blanks of all kinds, and what takes no room: spreadsheets and web pages leave them around an address.
_AROUND: Final = (
    "".join(
        chr(code)
        for code in (
            *range(9, 14),
            *range(28, 33),
            0x85,
            0xA0,
            0x1680,
            *range(0x2000, 0x200E),
            0x2028,
            0x2029,
        )
    )
    + "\u202f\u205f\u2060\u3000\ufeff"
)
# What nearly all addresses are. It takes none that `addresses.bare` refuses, and is a hundred times faster.
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/^_`{|}~-]+)*"
    r"@(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_OWN_RULES: Final = tuple(
    f".{name}" for name in (*email_validator.SPECIAL_USE_DOMAIN_NAMES, "arpa")
)  # of which some are refused
_ANY: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")
_LONGEST_ESCAPED: Final = 6  # bytes of a character in JSON
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254


class Row(NamedTuple):
    """What a file says of one person; the values stand in the order of the plan's names and keys."""

    line: int
    email: str
    key: str  # the address as it is compared
    names: tuple[str, ...]
    data: tuple[str, ...]
    beside: str  # the name that stands beside the address in its cell


class Reject(NamedTuple):
    """A row that is not taken."""

    line: int
    column: str
    code: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which cell becomes what."""

    columns: tuple[str, ...]
    email: int
    names: tuple[tuple[int, str], ...]  # the cell's place, and the field
    data: tuple[tuple[int, str], ...]  # the cell's place, and the name that it is kept under
    from_spreadsheet: bool = False

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the names of the data."""
        return tuple(name for _, name in self.data)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Return which of NAMES each name is."""
        return tuple(NAMES.index(field) for _, field in self.names)

    @cached_property
    def surely_small(self) -> int:
        """Return how many characters of values surely fit beside all names of the data."""
        return (MOST_DATA - _size(dict.fromkeys(self.keys, ""))) // _LONGEST_ESCAPED


class _Bad(Exception):
    """The row is not taken: its place, the code, and what the cell holds."""

    def __init__(self, at: int | None, code: str, value: str) -> None:
        self.at, self.code, self.value = at, code, value
        super().__init__(code)


def read(plan: Plan, line: int, cells: Sequence[str]) -> Row | Reject | None:
    """Return the row, or why it is not taken; None: it is empty."""
    try:
        return _row(plan, line, _cleaned(plan, cells))
    except _Bad as bad:
        if not any(cell.strip(_AROUND) for cell in cells):
            return None
        column = "" if bad.at is None else plan.columns[bad.at] or str(bad.at + 1)
        return Reject(line, column[:SHOWN], bad.code, bad.value.replace("\0", "\u2400")[:SHOWN])


def stripped(cell: str) -> str:
    """Return a cell without blanks, and what looks like nothing, around it."""
    return cell.strip(_AROUND)


def looks_like_an_address(cell: str) -> bool:
    """Tell whether a cell may hold an address, with a name or not."""
    return _ANY.search(cell) is not None


def key(email: str) -> str:
    """Return an address as it is compared with others: all lower case, the domain as A-labels."""
    return addresses.canonical(email)


def is_too_much(data: Mapping[str, Any]) -> bool:
    """Tell whether a contact may not have so much data."""
    return _size(data) > MOST_DATA


def text_of(value: Any) -> str:
    """Return a value of the data as it stands in a file."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _size(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data, ensure_ascii=False).encode())


def _cleaned(plan: Plan, cells: Sequence[str]) -> list[str]:
    found, width = [cell.strip(_AROUND) for cell in cells], len(plan.columns)
    if len(found) != width:
        if len(found) < width or any(found[width:]):
            counts = f"{len(found)} cells, {width} columns: "
            raise _Bad(None, Code.CELL_COUNT, counts + " ".join(found)[:SHOWN])
        del found[width:]
    if "\0" in "".join(found):
        at = next(at for at, cell in enumerate(found) if "\0" in cell)
        raise _Bad(at, Code.NUL, found[at])
    if plan.from_spreadsheet:
        found = [formulas.unsafe(cell) for cell in found]
    return found


def _row(plan: Plan, line: int, cells: list[str]) -> Row:
    cell = cells[plan.email]
    email, name = (_plain(cell), "") if _PLAIN.fullmatch(cell) else ("", "")
    if not email:
        email, name = _written(plan, cell)
    names = tuple([cells[at] for at, _ in plan.names])
    data = tuple([cells[at] for at, _ in plan.data])
    if len("".join(names)) > LONGEST_LOCALE:
        _refuse_long_names(plan, cells)
    if sum(map(len, data)) > plan.surely_small:
        _refuse_much_data(plan, data)
    return Row(line, email, email.lower(), names, data, name)


def _plain(cell: str) -> str:
    """Return a plain address as it is stored; empty: it has to be looked at closely."""
    local, _, domain = cell.partition("@")
    domain = domain.lower()
    if len(local) > _LONGEST_LOCAL or len(cell) > _LONGEST_ADDRESS or domain.endswith(_OWN_RULES):
        return ""
    return f"{local}@{domain}"


def _written(plan: Plan, cell: str) -> tuple[str, str]:
    """Return the address and the name of a cell that holds more than a plain address."""
    if not cell:
        raise _Bad(plan.email, Code.NO_ADDRESS, cell)
    try:
        found = addresses.mailbox(unicodedata.normalize("NFC", cell))
    except addresses.InvalidAddress:
        code = Code.MANY_ADDRESSES if len(_ANY.findall(cell)) > 1 else Code.INVALID_ADDRESS
        raise _Bad(plan.email, code, cell) from None
    if len(found.address) > _LONGEST_ADDRESS:
        raise _Bad(plan.email, Code.INVALID_ADDRESS, cell)
    return found.address, found.name


def _refuse_long_names(plan: Plan, cells: Sequence[str]) -> None:
    for at, field in plan.names:
        if len(cells[at]) > (LONGEST_LOCALE if field == "locale" else LONGEST_NAME):
            raise _Bad(at, Code.CELL_TOO_LONG, cells[at])


def _refuse_much_data(plan: Plan, data: Sequence[str]) -> None:
    filled = {name: text for name, text in zip(plan.keys, data, strict=True) if text}
    if is_too_much(filled):
        raise _Bad(None, Code.DATA_TOO_LARGE, json.dumps(filled, ensure_ascii=False))
