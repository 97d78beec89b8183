"""MJML, compiled to HTML once, when a template is published. Nothing is fetched, here or by whoever reads it."""

import re
from typing import Final

import mrml

from delivery.content import markup_bounds, template_sources
from delivery.content.template_sources import Fault, Unpublishable

_NOTHING_FETCHED: Final = mrml.ParserOptions(include_loader=mrml.noop_loader())
_NO_FONTS: Final = mrml.RenderOptions(fonts={})  # by default it links Google Fonts
_FETCHES = re.compile(r"<\s*(mj-include|mj-font)\b", re.IGNORECASE)


def to_html(mjml: str) -> str:
    """Return the HTML of an MJML document with its Liquid as it was; raise Unpublishable."""
    if found := _FETCHES.search(mjml):
        line = template_sources.lines(mjml, found.start())
        raise _fault("remote_import", f"{found[1]} loads something from elsewhere", line)
    try:
        markup_bounds.refuse_mjml(mjml)
        html = mrml.to_html(mjml, _NOTHING_FETCHED, _NO_FONTS).content
    except (OSError, ValueError) as error:
        raise _fault("mjml_syntax", f"this is no MJML: {error}", _line(mjml, str(error))) from error
    _refuse_losses(mjml, html)
    return html


def _refuse_losses(mjml: str, html: str) -> None:
    """Raise where a tag did not get through: between elements MJML drops it."""
    for found in template_sources.MARKUP.finditer(mjml):
        if found[0] not in html:
            line = template_sources.lines(mjml, found.start())
            raise _fault(
                "mjml_syntax", f"{found[0][:80]} is lost there; put it into <mj-raw>…</mj-raw>", line
            )


def _line(mjml: str, message: str) -> int:
    """Return the line of the position that mrml names."""
    found = re.search(r"position (\d+)", message)
    return template_sources.lines(mjml, int(found[1])) if found else 0


def _fault(code: str, message: str, line: int = 0) -> Unpublishable:
    return Unpublishable([Fault(code=code, place="mjml", message=message, line=line)])
