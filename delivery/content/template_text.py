"""The text part of a template, made once of its HTML: tags and outputs stay as they are, in lines of their own."""

import re
from collections.abc import Iterator

from delivery.content import bodies, template_sources

_PLACE = re.compile(f"{bodies.PLACE}([0-9]+){bodies.PLACE}")
# A line of nothing but tags, which leave nothing when they are written.
_ONLY_TAGS = re.compile(r"[ \t]*+(?:\{%(?:(?!%\}).)*+%\}[ \t]*+)+")
_LINE = re.compile(r"(\n*+)([^\n]++)")


def text_of(html: str) -> str:
    """Return the text part of a template's HTML."""
    kept: list[str] = []

    def away(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"{bodies.PLACE}{len(kept) - 1}{bodies.PLACE}"

    hidden = template_sources.MARKUP.sub(away, html.replace(bodies.PLACE, ""))
    text = _PLACE.sub(lambda found: kept[int(found[1])], bodies.text_of(hidden))
    return "".join(_without_lines(text)) + "\n" if text else ""


def _without_lines(text: str) -> Iterator[str]:
    """Yield the text with the space between what is before and behind a tag, and without the line of the tag itself."""
    taken = 0  # line ends that stand before a tag already
    for gap, line in _LINE.findall(text):
        yield gap[taken:] + line
        taken = len(gap[taken:]) if _ONLY_TAGS.fullmatch(line) else 0
