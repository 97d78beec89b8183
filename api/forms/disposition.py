"""The parameters of a part's headers, as standards have them and as clients write them.

A value is taken whole or the header is refused: the part of a name is another name. So quotes inside quotes are read
up to the quote that a parameter or the end follows, and what is not quoted is read up to the next parameter.
"""

import re
from urllib.parse import quote, unquote, unquote_to_bytes

from api.forms import charsets
from api.forms.stream import BrokenForm
from delivery.content import encoded_words

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NEXT = rf";[ \t]*{_WORD}[ \t]*="
_PARAMETER = re.compile(rf"[ \t]*;[ \t]*({_WORD})[ \t]*=[ \t]*")
_CLOSING = re.compile(rf'"(?=[ \t]*(?:{_NEXT}|;?[ \t]*$))')
_UNQUOTED = re.compile(rf"(?:(?!{_NEXT}).)*+", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_BROWSERS = {"%22": '"', "%0D": "\r", "%0A": "\n"}  # what the HTML standard escapes, and nothing else
_SECTION = re.compile(r"filename\*([0-9]{1,2})(\*?)")
_EXTENDED = re.compile(r"([A-Za-z0-9_:.+-]{1,40})'[A-Za-z0-9-]*'(.+)", re.DOTALL)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OF_FILES = frozenset({"size", "creation-date", "modification-date", "read-date"})  # RFC 2183


def of_part(header: str) -> tuple[str, str | None]:
    """Return a form part's name and its file name, which is None for a text; raise BrokenForm."""
    kind, values = parsed(header)
    if kind != "form-data":
        raise BrokenForm(f"a part has the Content-Disposition {kind[:40]!a}; form-data is read")
    sections = {name for name in values if _SECTION.fullmatch(name)}
    unknown = values.keys() - {"name", "filename", "filename*"} - _OF_FILES - sections
    if unknown:
        raise BrokenForm(
            f"Content-Disposition has the parameter {min(unknown)[:40]!a}. Quote a file name that holds ; and ="
        )
    if "name" not in values:
        raise BrokenForm('a part has no name. Content-Disposition needs name="..."')
    return values["name"], _filename(values)


def parsed(header: str) -> tuple[str, dict[str, str]]:
    """Return a header's value in lower case, and its parameters by their names in lower case."""
    kind, values = header.partition(";")[0].strip(" \t").lower(), {}
    position = header.find(";") if ";" in header else len(header)
    while found := _PARAMETER.match(header, position):
        name = found[1].lower()
        value, position = _value(header, found.end(), f"The parameter {name[:40]} of a header")
        if name in values:
            raise BrokenForm(f"a header has the parameter {name[:40]} twice")
        values[name] = value
    if header[position:].strip(" \t;"):
        raise BrokenForm(f"the header {header[:80]!a} cannot be read")
    return kind, values


def _value(header: str, start: int, what: str) -> tuple[str, int]:
    if not header.startswith('"', start):
        found = _UNQUOTED.match(header, start)
        value = found[0].strip(" \t") if found else ""
        if value.endswith(";"):
            raise BrokenForm(f"{what} ends in a semicolon. Put the value in quotes")
        return _unescaped(value), found.end() if found else start
    for found in _CLOSING.finditer(header, start + 1):
        value = header[start + 1 : found.start()]
        if (len(value) - len(value.rstrip("\\"))) % 2 == 0:  # an odd number: the quote itself is escaped
            return _unescaped(value), found.end()
    if header[start:].rstrip(" \t") == '"\\"':  # a file that is called \, as browsers write it
        return "\\", len(header)
    raise BrokenForm(f"{what} has no closing quote")


def _unescaped(value: str) -> str:
    """Undo what clients do to quotes: a backslash as RFC 822 has it, or a percent sign as browsers do."""
    if '\\"' in value:
        return _ESCAPED.sub(r"\1", value)
    return re.sub("%22|%0D|%0A", lambda found: _BROWSERS[found[0]], value)


def _filename(values: dict[str, str]) -> str | None:
    """Return the name that says most: filename*, or its sections, or the plain one."""
    plain = values.get("filename")
    extended = values.get("filename*")
    if extended is None and any(map(_SECTION.fullmatch, values)):
        extended = _joined(values)
    if extended is None:
        return plain and (encoded_words.decoded_or_none(plain) or _percent_decoded(plain) or plain)
    name = _decoded(extended)
    if name is None and plain is None:
        raise BrokenForm("a filename* cannot be read. It looks like UTF-8''na%C3%AFve.txt")
    return plain if name is None else name


def _percent_decoded(name: str) -> str:
    """Decode a name of which everything is percent-encoded, as aiohttp writes it; return nothing for any other."""
    decoded = unquote(name, errors="replace")
    whole = "%" in name and quote(decoded, safe="") == name.replace('"', "%22")
    return decoded if whole and decoded.isprintable() and not {"/", "\\"} & set(decoded) else ""


def _decoded(extended: str) -> str | None:
    """Decode charset'language'value (RFC 8187), also where brackets and blanks were left as they are."""
    found = _EXTENDED.fullmatch(extended)
    if not found or not charsets.is_for_names(found[1]) or not found[2].isascii():
        return None
    if _BROKEN_ESCAPE.search(found[2]):
        return None
    try:
        return unquote_to_bytes(found[2]).decode(found[1])
    except UnicodeDecodeError:
        return None


def _joined(values: dict[str, str]) -> str:
    """Join the sections of a long name (RFC 2231, 3), as Python's email package writes them."""
    sections = {int(found[1]): name for name in values if (found := _SECTION.fullmatch(name))}
    if sorted(sections) != list(range(len(sections))) or not sections[0].endswith("*"):
        raise BrokenForm("a filename* lacks one of its sections, or the charset in its first")
    return "".join(_section(name, values[name]) for _, name in sorted(sections.items()))


def _section(name: str, value: str) -> str:
    return value if name.endswith("*") else value.replace("%", "%25")
