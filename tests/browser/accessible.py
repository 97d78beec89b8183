"""What axe-core says of a page."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

_SERIOUS: Final = ("serious", "critical")
# The rules of WCAG 2.2 A and AA, and of good practice: landmarks, headings in order, names of pages.
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_OF_SIGHT: Final = ["color-contrast", "target-size"]
_IN_ORDER: Final = ("heading-order", "page-has-heading-one", "landmark-one-main", "region", "document-title")


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text()


def faults(page: Any) -> list[str]:
    """Return what is serious, or out of order, each with the first elements that have it."""
    return _found(page, {"type": "tag", "values": _RULES})


def faults_of_sight(page: Any) -> list[str]:
    """Return of these only what the width of the window or the colours can change."""
    return _found(page, {"type": "rule", "values": _OF_SIGHT})


def _found(page: Any, rules: dict[str, Any]) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    only = {"runOnly": rules, "resultTypes": ["violations"], "iframes": False}
    found = page.evaluate("(only) => axe.run(document, only)", only)["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in _SERIOUS or each["id"] in _IN_ORDER
        for node in each["nodes"][:3]
    ]
