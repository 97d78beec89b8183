"""Signatures: put into an email's HTML and text by offset. What its client wrote stays byte for byte.

Nothing is parsed and written anew: that would change the HTML of whoever wrote it. Where a place is looked for,
comments, styles and preformatted text are no markup.
"""

import html as entities
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from delivery.content import bodies

_OPAQUE = re.compile(
    r"<(?=[!?]|[sS][tTcC]|[tT][eEiI]|[pP][rR]|[xX])"  # most tags are none of these
    r"(?:!-{2,3}>|!--.*?(?:--!?>|\Z)|[!?][^>]*>?|((?i:style|script|textarea|title|pre|xmp))\b.*?(?:</(?i:\1)\s*>|\Z))",
    re.DOTALL,
)
_BODY_ENDS = re.compile(r"</(?i:body)\s*>")
# How programs mark what they quote: Gmail, Outlook on the web and on the desk, Thunderbird, Apple Mail and many more.
# Each with what stands before it in its tag. They are looked for as they are: a pattern of all took ten times as long.
_QUOTES_BY: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(
        (
            "gmail_quote",
            "appendonsend",
            "divRplyFwdMsg",
            "moz-cite-prefix",
            "yahoo_quoted",
            "protonmail_quote",
        ),
        re.compile(r""),
    ),
    **dict.fromkeys(("cite", "CITE", "Cite"), re.compile(r"\btype\s*=\s*[\"']?\Z", re.IGNORECASE)),
    **dict.fromkeys(("#E1E1E1", "#B5C4DF"), re.compile(r"border-top:\s*solid\s+\Z", re.IGNORECASE)),
}
_LONGEST_TAG: Final = 10_000  # characters before such a mark
_MOST_WORDS: Final = (
    5_000  # that look like such a mark, before one that is; then nothing is taken for a quote
)
_RULE = re.compile(r"<hr\b[^<>]*>\s*\Z", re.IGNORECASE)  # Outlook's line above what it quotes
_QUOTED_LINE = re.compile(
    r"^(?:>|-{2,} ?(?:Original|Ursprüngliche|Message d'origine|Mensaje original|Forwarded)"
    r"|_{20,}[ \r]*$|(?:From|Von|De): [^\n]+\n(?:Sent|Date|To|Gesendet|Datum|An|Envoyé): )",
    re.MULTILINE,
)
# On Monday Bob wrote:, in one line or in two. A pattern of all would take minutes for a text that is made for it.
_BY_WHOM = re.compile(r"^(?:On|Am|Le|El|Il|Em|Op) (?=[^\n]{4})", re.MULTILINE)
_WROTE = re.compile(r"(?:wrote|schrieb|écrit|escribió|scritto|escreveu|schreef)[^\n]{0,80}:[ \r]*\Z")
_LONGEST_BY_WHOM: Final = 500
_ARMOUR = "-----BEGIN PGP "
_SEALED: Final = (
    *("application/pkcs7-", "application/x-pkcs7-", "application/pgp-"),
    *("multipart/signed", "multipart/encrypted"),
)
_DELIMITER: Final = "-- "  # RFC 3676, 4.3: with its blank
_SHORTEST: Final = 20  # letters of a text that is looked for: a shorter one stands in many a mail
_WORDS = re.compile(r"[A-Za-z0-9]+")  # as they are in HTML, too
_TAGS = re.compile(r"<[^<>]*>")
_NO_LETTERS = re.compile(r"[\W_]+")
_QUOTES = re.compile(r"^(?:> ?)+", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A signature written for one email."""

    id: str
    html: str
    text: str
    at_end: bool = False  # below what is quoted, too
    once: bool = True


def signed(html: str, text: str, pieces: Sequence[Piece]) -> tuple[str, str, list[Piece]]:
    """Return HTML and text with the pieces that are not in them yet, in this order, and which those are."""
    missing = [piece for piece in pieces if not (piece.once and is_there(piece, html, text))]
    if not missing:
        return html, text, []
    return (_into_html(html, missing) if html else ""), _into_text(text, missing), missing


def is_sealed(html: str, text: str, content_types: Sequence[str]) -> bool:
    """Tell whether an email is signed or encrypted, so that a change would break it."""
    return (
        _ARMOUR in text or _ARMOUR in html or any(kind.lower().startswith(_SEALED) for kind in content_types)
    )


def is_there(piece: Piece, html: str, text: str) -> bool:
    """Tell whether an email has a signature, also in what it quotes: by its mark, or by its own text."""
    if _mark(piece) in html:
        return True
    letters = _letters(piece.text)
    if not letters:
        return False
    if len(letters) < _SHORTEST:
        return f"{_DELIMITER}\n{piece.text.strip()}" in _QUOTES.sub("", text.replace("\r\n", "\n"))
    if not all(word in (html or text) for word in _WORDS.findall(piece.text)):  # most often, and cheaply
        return False
    return letters in _letters(entities.unescape(_TAGS.sub("", html)) if html else text)


def _into_html(html: str, pieces: Sequence[Piece]) -> str:
    opaque = [found.span() for found in _OPAQUE.finditer(html)]
    end = _end(html, opaque)
    quoted = _first_quoted(html, opaque)
    below = end if quoted is None else quoted
    return _inserted(html, [(end if piece.at_end else below, _framed(piece)) for piece in pieces])


def _into_text(text: str, pieces: Sequence[Piece]) -> str:
    line_end = "\r\n" if "\r\n" in text else "\n"
    below = _first_quoted_line(text)
    places: dict[int, list[str]] = {}
    for piece in (piece for piece in pieces if piece.text.strip()):
        places.setdefault(len(text) if piece.at_end else below, []).append(piece.text.strip("\r\n"))
    return _inserted(text, [(at, _below(text, at, texts, line_end)) for at, texts in places.items()])


def _first_quoted_line(text: str) -> int:
    """Return the offset of the line that quotes first; else the end."""
    found = _QUOTED_LINE.search(text)
    before = found.start() if found else len(text)
    says = (line.start() for line in _BY_WHOM.finditer(text, 0, before) if _says_who_wrote(text, line.end()))
    return next(says, before)


def _says_who_wrote(text: str, begin: int) -> bool:
    """Tell whether this line, or it and the next one, ends with who wrote what follows."""
    lines = text[begin : begin + _LONGEST_BY_WHOM].split("\n", 2)
    ends = (lines[0], "\n".join(lines[:2]))
    is_cut = (len(lines) < 2, len(lines) < 3)
    at_end = begin + _LONGEST_BY_WHOM >= len(text)
    return any(
        (at_end or not cut) and end.rstrip(" \r").endswith(":") and _WROTE.search(end, 4)
        for end, cut in zip(ends, is_cut, strict=True)
    )


def _below(text: str, at: int, texts: Sequence[str], line_end: str) -> str:
    """Return the texts with their delimiter, for this place."""
    own = (
        line_end.join([_DELIMITER, f"{line_end * 2}".join(texts)])
        .replace("\r\n", "\n")
        .replace("\n", line_end)
    )
    before = "" if at == 0 or text[:at].endswith("\n") else line_end
    return before + own + (line_end * 2 if at < len(text) else line_end)


def _inserted(whole: str, places: Sequence[tuple[int, str]]) -> str:
    """Return a text with others at their offsets; of several at one, the first comes first."""
    parts, last = [], 0
    for at, put in sorted(places, key=lambda place: place[0]):
        parts += [whole[last:at], put]
        last = at
    return "".join([*parts, whole[last:]])


def _end(html: str, opaque: Sequence[tuple[int, int]]) -> int:
    """Return the offset of the last </body> that is one; else the end."""
    for at in reversed([found.start() for found in _BODY_ENDS.finditer(html)]):
        if not (_within(at, opaque) or _tag_before(html, at) >= 0):
            return at
    return len(html)


def _first_quoted(html: str, opaque: Sequence[tuple[int, int]]) -> int | None:
    """Return the offset of the element that quotes first."""
    places = sorted((at, mark) for mark in _QUOTES_BY for at in _all(html, mark))
    for at, mark in places[:_MOST_WORDS]:
        start = _tag_before(html, at)
        if (
            start >= 0
            and _QUOTES_BY[mark].search(html, max(start, at - 100), at)
            and not _within(start, opaque)
        ):
            rule = _RULE.search(html, max(0, start - 300), start)
            return rule.start() if rule else start
    return None


def _tag_before(html: str, at: int) -> int:
    """Return the offset of the tag that this place is in; -1: in none."""
    start = html.rfind("<", max(0, at - _LONGEST_TAG), at)
    return start if start >= 0 and html[start + 1].isalpha() and ">" not in html[start:at] else -1


def _all(whole: str, part: str) -> Iterator[int]:
    at = whole.find(part)
    while at >= 0:
        yield at
        at = whole.find(part, at + 1)


def _within(at: int, spans: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a place is in one of these, which are in order and apart."""
    number = bisect_right(spans, at, key=itemgetter(0))
    return number > 0 and at < spans[number - 1][1]


def _mark(piece: Piece) -> str:
    return f'data-gomail-signature="{piece.id}"'


def _framed(piece: Piece) -> str:
    return f"<div {_mark(piece)}>{piece.html}</div>"


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text).lower()


def html_of(text: str) -> str:
    """Return a text as HTML, for a signature that has no HTML of its own."""
    return entities.escape(text.strip()).replace("\n", "<br>\n")


def text_of(html: str) -> str:
    """Return HTML as text, for a signature that has no text of its own."""
    return bodies.text_of(html).strip("\n")
