"""What a template is made of, before it is published: sources, declared variables, and the faults of both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_MARKUP: Final = 5_000  # tags and outputs of one part
LONGEST_MARKUP: Final = 5_000  # characters of one: the library's lexer is quadratic in what is not closed
LONGEST_SOURCE: Final = 256 * 1024  # characters of one part
# What every template may name without declaring it; the rest of an email is declared.
KNOWN: Final = frozenset({"contact", "mailing", "unsubscribe_url", "now", "today"})
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,3}")
TYPES: Final = ("string", "number", "boolean", "object", "list")
MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_BLANKS = re.compile(r"\s{100}")  # the library's lexer takes the square of their number
_OPENS = re.compile(r"\{\{|\{%")
_VERBATIM = re.compile(r"\{%-?\s*(raw|doc|comment)\s*-?%\}")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable that a template declares."""

    name: str  # may be a part of an object: customer.name
    type: str = "string"
    required: bool = True
    default: Any = None  # instead of one that is absent; None: none

    def fits(self, value: Any) -> bool:
        """Tell whether a value is of this type. A number may come as text, and text as a number: tables do so."""
        kind = dict if self.type == "object" else list if self.type == "list" else (str, int, float, bool)
        return isinstance(value, kind)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The parts of a template, a layout or a partial as a person writes them."""

    subject: str = ""
    html: str = ""
    mjml: str = ""  # instead of HTML
    text: str = ""  # empty: it is made of the HTML


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why something cannot be published."""

    code: str
    place: str  # subject, html, mjml, text, variables, layout
    message: str
    line: int = 0  # from 1; 0: none in particular

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


class Unpublishable(Exception):
    """It has faults."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.place}: {fault}" for fault in faults[:5]))


def refuse_unclosed(source: str, place: str) -> None:
    """Raise Unpublishable for markup that the library would take minutes to refuse, in one pass."""
    position = 0
    for number in range(MOST_MARKUP + 1):
        found = _OPENS.search(source, position)
        if found is None:
            return
        position = _end(source, found, place)
        if number == MOST_MARKUP:
            raise _refused("too_long", place, f"has more than {MOST_MARKUP:,} tags and outputs")


def declared(variables: tuple[Variable, ...], path: str) -> bool:
    """Tell whether a path of a template, such as `customer.name`, is declared or known."""
    root = re.split(r"[.\[]", path, maxsplit=1)[0]
    if root in KNOWN:
        return True
    return any(root == variable.name or concerns(variable.name, path) for variable in variables)


def concerns(name: str, path: str) -> bool:
    """Tell whether a declared name is that of this path, of a part of it, or of an object that it is in."""
    return name == path or name.startswith(f"{path}.") or path.startswith((f"{name}.", f"{name}["))


def dig(data: Mapping[str, Any], name: str) -> Any:
    """Return the value of a name with dots; None where it, or an object before it, is not there."""
    found: Any = data
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def put(data: dict[str, Any], name: str, value: Any) -> None:
    """Set the value of a name with dots, in copies of the objects on the way."""
    *way, last = name.split(".")
    for part in way:
        inner = data.get(part)
        data[part] = data = dict(inner) if isinstance(inner, Mapping) else {}
    data[last] = value


def lines(source: str, position: int) -> int:
    """Return the number of the line that a position is in."""
    return source.count("\n", 0, position) + 1


def _end(source: str, opens: re.Match[str], place: str) -> int:
    """Return where a piece of markup ends; one that is left as it is, with all that it holds."""
    closing = "}}" if opens[0] == "{{" else "%}"
    end = source.find(closing, opens.end())
    if end < 0 or end - opens.start() > LONGEST_MARKUP:
        wrong = "is never closed" if end < 0 else f"has more than {LONGEST_MARKUP:,} characters"
        raise _refused("template_syntax", place, f"{opens[0]} {wrong}", lines(source, opens.start()))
    if _BLANKS.search(source, opens.end(), end):
        message = f"{opens[0]} holds a hundred blanks in a row"
        raise _refused("template_syntax", place, message, lines(source, opens.start()))
    verbatim = _VERBATIM.match(source, opens.start())
    if not verbatim:
        return end + 2
    ends = re.compile(rf"\{{%-?\s*end{verbatim[1]}\s*-?%\}}").search(source, verbatim.end())
    if not ends:
        message = f"{{% {verbatim[1]} %}} is never closed"
        raise _refused("template_syntax", place, message, lines(source, opens.start()))
    return ends.end()


def _refused(code: str, place: str, message: str, line: int = 0) -> Unpublishable:
    return Unpublishable([Fault(code=code, place=place, message=message, line=line)])
