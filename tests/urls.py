"""The paths of the service, as its URL configuration writes them."""

from typing import Any

from django.urls import URLResolver


def paths(patterns: Any, prefix: str = "") -> list[str]:
    found: list[str] = []
    for each in patterns:
        path = prefix + str(each.pattern)
        found += paths(each.url_patterns, path) if isinstance(each, URLResolver) else [path]
    return found
