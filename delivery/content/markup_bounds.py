"""Bounds of what libraries in C and Rust may be given: they cannot be interrupted, and depth ends the whole process.

css-inline and mrml walk a document by recursion: twenty thousand open elements, a hundred kilobytes, overflow the stack
and the process is gone. HTML's rules also let unclosed formatting elements be repeated in each paragraph. Both are
measured here before, in one pass over the tags.
"""

import re
from typing import Final

DEEPEST: Final = 400  # elements in each other
MOST_WORK: Final = 3_000_000  # open elements, summed over all tags
_MOST_MATCHES: Final = 100_000_000  # style rules × elements: about a second
_CHEAP: Final = 400  # tags: however they are nested, they are not deep
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*+)")
_EMPTY = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    )
)
# A new one closes the one before, so that unclosed ones are not in each other.
_CLOSE_THEMSELVES = frozenset(["p", "li", "dt", "dd", "option", "tr", "td", "th", "tbody", "thead", "tfoot"])


class TooDeep(ValueError):
    """The markup is nested deeper, or is more work, than a library may be given."""


def refuse_html(html: str) -> None:
    """Raise TooDeep for HTML that must not be parsed."""
    tags = html.count("<")
    if tags * html.count("{") > _MOST_MATCHES:
        raise TooDeep("has too many style rules for so many elements")
    if tags > _CHEAP:
        _measure(html, _CLOSE_THEMSELVES)


def refuse_mjml(mjml: str) -> None:
    """Raise TooDeep for MJML that must not be parsed."""
    if mjml.count("<") > _CHEAP:
        _measure(mjml, frozenset())


def _measure(markup: str, flat: frozenset[str]) -> None:
    still: dict[str, int] = {}  # open elements by name
    depth = work = 0
    for end, written in _TAG.findall(markup):
        name = written.lower()
        if name not in _EMPTY and name not in flat:
            step = -1 if end else 1
            number = still.get(name, 0) + step
            if number >= 0:  # what was never opened ends nothing
                still[name], depth = number, depth + step
        work += depth
        if depth > DEEPEST or work > MOST_WORK:
            raise TooDeep(f"is nested deeper than {DEEPEST} elements, or has too many unclosed ones")
