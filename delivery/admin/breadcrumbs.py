"""Where a page is: the section of the sidebar, its list, the row, and what is asked of it. The tag of the header."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.conf import settings
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.template import Context
from django.urls import NoReverseMatch, reverse

register = template.Library()
_BETWEEN = (": ", " of ", " ")  # what a title says of a row, and the row


@dataclass(frozen=True, kw_only=True)
class Crumb:
    """One step of the way; without a link it is where one is, or a section, which has no page."""

    text: str
    link: str = ""


@register.inclusion_tag("delivery/breadcrumbs.html", takes_context=True)
def breadcrumbs(context: Context) -> dict[str, Any]:
    """Show the way to this page."""
    request: HttpRequest = context["request"]
    row = context.get("original") or context.get("object")
    title = str(context.get("title") or context.get("content_title") or "").strip()
    return {"crumbs": _way(request, row if isinstance(row, Model) else None, title)}


def _way(request: HttpRequest, row: Model | None, title: str) -> list[Crumb]:
    section, item = _place(request)
    if item is None:
        return [Crumb(text=title)]
    link, name = str(item["link"]), str(item["title"])
    at_list = request.path == link
    way = [
        Crumb(text=section),
        Crumb(text=name, link="" if at_list or not item["permission"](request) else link),
    ]
    return way if at_list else [*way, *_within(request, row, title)]


def _place(request: HttpRequest) -> tuple[str, dict[str, Any] | None]:
    """Return the section and the entry of the sidebar whose page this is, or is below of."""
    theme: dict[str, Any] = settings.UNFOLD  # a nest of literals, whose type says too little
    found = [
        (group["title"], item)
        for group in theme["SIDEBAR"]["navigation"]
        for item in group["items"]
        if request.path.startswith(str(item["link"]))
    ]
    return max(found, key=lambda one: len(str(one[1]["link"])), default=("", None))


def _within(request: HttpRequest, row: Model | None, title: str) -> list[Crumb]:
    if row is None:
        return [Crumb(text=title)]
    page = _page(row)
    if request.path == page:
        return [Crumb(text=str(row))]
    asked = _asked(title, str(row))
    return [Crumb(text=str(row), link=page), *([Crumb(text=asked)] if asked else [])]


def _page(row: Model) -> str:
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])
    except NoReverseMatch:
        return ""


def _asked(title: str, row: str) -> str:
    """Return what a title says beside the row, which stands before it already."""
    for between in _BETWEEN:
        title = title.removesuffix(f"{between}{row}")
    return "" if title == row else title
