"""How a CSV file parts its cells: what its first line says, or what its header and its first records agree on."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from delivery.audience import records
from delivery.audience.questions import Question

DELIMITERS: Final = ",;\t|"
SAID: Final = re.compile(r"""\ufeff?"?sep=([^\w"'\r\n])"?[\r\n]*""", re.IGNORECASE)
LONGEST_SAID: Final = 20  # characters of such a line
_SAMPLE: Final = 200  # records
_AGREEING: Final = 0.95  # of them
_SHOWN: Final = 5  # records of a preview
_NAMES: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How to read a file."""

    delimiter: str
    skipped: int  # lines in front of the first record: the one that names the delimiter


def decide(head: str, given: str = "") -> Dialect:
    """Return the dialect by the beginning of a file's text, or raise a Question with the first records in each."""
    first, rest = _first_line(head)
    said = SAID.fullmatch(first)
    skipped = 1 if said else 0
    if given or said:
        return Dialect(delimiter=given or (said[1] if said else ""), skipped=skipped)
    sampled = {each: _sample(rest if said else head, each) for each in DELIMITERS}
    return Dialect(delimiter=_best(sampled), skipped=skipped)


def _first_line(head: str) -> tuple[str, str]:
    stream = io.StringIO(head, newline="")
    return stream.readline(), stream.read()


def _sample(text: str, delimiter: str) -> list[list[str]]:
    found = records.read(io.StringIO(text, newline=""), delimiter)
    return [cells for _, cells, code in islice(found, _SAMPLE) if cells and not code]


def _best(sampled: dict[str, list[list[str]]]) -> str:
    widths = {each: len(rows[0]) for each, rows in sampled.items() if rows and len(rows[0]) > 1}
    if len(widths) < 2:
        return next(iter(widths), ",")  # no other one parts the header, or none does: a list of addresses
    agreed = [each for each in widths if _agree(sampled[each])]
    widest = [each for each in agreed if widths[each] == max(widths[one] for one in agreed)]
    if len(widest) == 1:
        return widest[0]
    shown = [{"delimiter": each, "rows": _shown(sampled[each])} for each in widths]
    names = " or ".join(_NAMES[each] for each in widths)
    raise Question(
        "delimiter_undecided",
        f"The cells may be parted by {names}; say with `delimiter`",
        {"delimiters": shown},
    )


def _agree(rows: Sequence[Sequence[str]]) -> bool:
    width = len(rows[0])
    return sum(len(row) == width for row in rows) >= _AGREEING * len(rows)


def _shown(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[cell[:80] for cell in row] for row in rows[:_SHOWN]]
