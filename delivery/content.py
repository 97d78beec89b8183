"""What a body is: plain text or HTML, and the text that stands for the HTML."""

import re

# The tags that people write mail with. `<` alone, `<3` or `<someone@example.org>` do not make a text HTML.
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|div|p|span|br|hr|a\s|b|i|u|em|strong|small|font|center|table|t[rdh]|tbody|thead"
    r"|ul|ol|li|dl|h[1-6]|img\s|pre|code|blockquote|style|section|article|header|footer)(?:\s[^<>]*)?/?>"
    r"|<(?:a|img)\s[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")


def is_html(body: str) -> bool:
    """Tell whether a body is meant as HTML."""
    return bool(_HTML.search(body))


def text_of(html: str) -> str:
    """Return a readable plain-text alternative of an HTML body, with the targets of its links."""
    import inscriptis  # 30 MB that plain text need not pay for
    from inscriptis.model.config import ParserConfig

    try:
        return str(inscriptis.get_text(html, ParserConfig(display_links=True))).strip() + "\n"
    except (RecursionError, ValueError, AssertionError):
        # Not a document that can be laid out (nested without end, or nothing but comments): its words, at least.
        return _TAG.sub(" ", html).strip() + "\n"
