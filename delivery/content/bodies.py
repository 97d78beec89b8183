"""Bodies: whether one is HTML, and the plain-text alternative of an HTML body.

The HTML is untrusted, so it is read in one pass over its tags. Libraries that build a tree and lay it out take minutes
for one element with many attributes, and turn a table with one wide cell into a hundred megabytes of text.
"""

import html as entities
import re
from collections.abc import Callable, Mapping

# The elements that people write mail with. `<name>`, `<title>` or `<summary>` are as often places to be filled in.
_ELEMENTS = (
    "html|head|body|style|div|p|span|a|b|i|u|s|em|strong|small|big|font|center|sub|sup|del|ins|strike|mark|tt"
    "|table|caption|tbody|thead|tfoot|t[rdh]|ul|ol|li|dl|d[td]|h[1-6]|pre|code|blockquote"
    "|section|article|header|footer|main|nav|aside|figure|figcaption"
)
_REST = r"""(?:[\s/](?:[^"'<>]++|"[^"]*+"|'[^']*+')*+)?>"""  # of a tag behind its name
_BEGINS = re.compile(
    rf"[\s\ufeff]*+<(?:!doctype\b|html\b|(?!a[\s/>])(?:{_ELEMENTS}|br|hr){_REST}|(?:a|img)(?=\s){_REST})",
    re.IGNORECASE,
)
_TAG = re.compile(rf"<(?P<end>/?)(?P<name>{_ELEMENTS}){_REST}", re.IGNORECASE)
# A comment, a tag, or what else stands between < and >. Possessive: what did not fit is not tried once more.
_MARKUP = re.compile(
    r"<!--(?:.*?-->|.*)"
    r"|<(?P<end>/?)(?P<name>[a-z][a-z0-9]*+)(?P<attributes>(?:[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+)>"
    r"|<[!?/][^<>]*+>",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = r"""(?:^|[\s/"']){}\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++)"""
_HREF, _ALT, _STYLE = (
    re.compile(_ATTRIBUTE.format(name), re.IGNORECASE) for name in ("href", "alt", "style")
)
_NOT_SHOWN = re.compile(r"display\s*+:\s*+none", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#(?:[0-9]{1,7}|x[0-9a-f]{1,6})|[a-z][a-z0-9]{1,31});?", re.IGNORECASE)
_SPACES = re.compile("[ \t\r\n\f]+")
PLACE = "\ue000"  # stands around what is put in later, see template_text
# A link that is put in later is one, too.
_TARGET = re.compile(rf"(?:https?://|mailto:|tel:|{PLACE}|\{{\{{\s*unsubscribe_url\s*\}}\}}$)", re.IGNORECASE)
_NO_TEXT = frozenset({"script", "style", "title", "template"})
_EMPTY = frozenset({"br", "hr", "img", "input", "meta", "link", "col", "area", "base", "wbr"})
_MOST_TAGS = 100_000  # in a second or less; no letter that somebody reads has so many
_FIXED = "\xa0"  # a space that is not collapsed

_LINES: Mapping[str, int] = {  # the number of line ends before and after an element
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre", "dl"), 2),
    **dict.fromkeys(("div", "tr", "dt", "dd", "li", "hr", "center", "form", "section", "article"), 1),
    **dict.fromkeys(("header", "footer"), 1),
}


def is_html(body: str) -> bool:
    """Tell whether a body is meant as HTML: it begins with a tag, or holds a pair of tags, such as `<b>…</b>`.

    Code and mathematics hold single tags, or what looks like one: `if (a<b && c>d)`.
    """
    return bool(_BEGINS.match(body)) or _holds_a_pair(body)


def bare(body: str) -> str:
    """Return a body without the byte order marks that editors and .NET put in front of it."""
    return body.lstrip("\ufeff")


def _holds_a_pair(body: str) -> bool:
    opened: set[str] = set()
    for tag in _TAG.finditer(body):
        name = tag["name"].lower()
        if tag["end"] and name in opened:
            return True
        if not tag["end"]:
            opened.add(name)
    return False


def text_of(html: str) -> str:
    """Return the plain-text alternative of an HTML body, with its links' targets; empty if it has no text.

    Time and size are bounded: it ends with […] after 100,000 tags.
    """
    page = _Page()
    position = 0
    for number, markup in enumerate(_MARKUP.finditer(html)):
        page.write(html[position : markup.start()])
        if number == _MOST_TAGS:
            return page.text() + "[…]\n"
        position = markup.end()
        if markup["name"]:
            page.tag(markup["name"].lower(), markup["attributes"], ends=bool(markup["end"]))
    page.write(html[position:])
    return page.text()


class _Page:
    """The text so far, and the state of the open tags."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._skipped, self._depth = "", 0  # the element being left out, and how deep it is nested in itself
        self._ends = 0  # line ends due before the next word
        self._pre = False
        self._items: list[int] = []  # the number of the last item of each open list; -1: not numbered
        self._link, self._link_start = "", 0

    def write(self, text: str) -> None:
        """Append the text between two tags."""
        if not text or self._skipped:
            return
        text = text.replace(" ", _FIXED) if self._pre else _SPACES.sub(" ", text)
        if self._ends and text != " ":
            self._pieces.append("\n" * min(self._ends, 2))
            self._ends = 0
        self._pieces.append(_ENTITY.sub(_letters, text) if "&" in text else text)

    def tag(self, name: str, attributes: str, *, ends: bool) -> None:
        """Process a tag."""
        if self._skipped:
            self._skip(name, -1 if ends else 1)
        elif not ends and _is_hidden(name, attributes):
            self._skipped, self._depth = name, 1
        else:
            self._ends = max(self._ends, _LINES.get(name, 0))
            handle = _HANDLERS.get(name)
            if handle:
                handle(self, attributes, ends)

    def text(self) -> str:
        """Return the text, with at most one empty line in a row."""
        lines: list[str] = []
        for line in "".join(self._pieces).split("\n"):
            bare = _SPACES.sub(" ", line).strip(" ").replace(_FIXED, " ").rstrip()
            if bare or (lines and lines[-1]):
                lines.append(bare)
        return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""

    def list(self, attributes: str, ends: bool, *, first: int = -1) -> None:
        """Begin or end a list; only the outermost is set off by empty lines."""
        if ends:
            del self._items[-1:]
        self._ends = max(self._ends, 1 if self._items else 2)
        if not ends:
            self._items.append(first)

    def numbered(self, attributes: str, ends: bool) -> None:
        """Begin or end a numbered list."""
        self.list(attributes, ends, first=0)

    def item(self, attributes: str, ends: bool) -> None:
        """Begin an item with its number or a dash, indented by the depth of its list."""
        if ends:
            return
        self.write(2 * _FIXED * min(len(self._items) - 1, 4))
        if self._items and self._items[-1] >= 0:
            self._items[-1] += 1
            self.write(f"{self._items[-1]}. ")
        else:
            self.write("- ")

    def link(self, attributes: str, ends: bool) -> None:
        """Write a link's target after its text, unless the text shows it."""
        shown = "".join(self._pieces[self._link_start :]) if self._link else ""
        if self._link and self._link not in shown:
            self._pieces.append(f" ({self._link})")
        target = "" if ends else _value(_HREF, attributes)
        self._link = re.sub("^(?:mailto|tel):", "", target) if _TARGET.match(target) else ""
        self._link_start = len(self._pieces)

    def image(self, attributes: str, ends: bool) -> None:
        """Write the alternative text of an image."""
        self.write(_value(_ALT, attributes))

    def line(self, attributes: str, ends: bool) -> None:
        """End the line."""
        self._ends += 1

    def cell(self, attributes: str, ends: bool) -> None:
        """Separate two cells of a row."""
        self._pieces.append(" ")

    def preformatted(self, attributes: str, ends: bool) -> None:
        """Begin or end keeping spaces and line ends."""
        self._pre = not ends

    def _skip(self, name: str, step: int) -> None:
        if name == self._skipped and (step < 0 or name not in _NO_TEXT):
            self._depth += step
            self._skipped = self._skipped if self._depth else ""


_HANDLERS: Mapping[str, Callable[[_Page, str, bool], None]] = {
    "a": _Page.link,
    "br": _Page.line,
    "img": _Page.image,
    "li": _Page.item,
    "ol": _Page.numbered,
    "pre": _Page.preformatted,
    "td": _Page.cell,
    "th": _Page.cell,
    "ul": _Page.list,
}


def _is_hidden(name: str, attributes: str) -> bool:
    if name in _NO_TEXT:
        return True
    return (
        name not in _EMPTY
        and "none" in attributes.lower()
        and bool(_NOT_SHOWN.search(_value(_STYLE, attributes)))
    )


def _value(attribute: re.Pattern[str], attributes: str) -> str:
    found = attribute.search(attributes)
    value = _SPACES.sub(" ", found[1].strip("\"' ")) if found else ""
    return _ENTITY.sub(_letters, value)


def _letters(entity: re.Match[str]) -> str:
    return entities.unescape(entity[0])
