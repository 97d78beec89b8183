"""What the pages of the login need to look like the admin's."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

PATHS = ("/accounts/", "/invite/")


def look(request: HttpRequest) -> dict[str, Any]:
    """Return the theme's context for these pages; the admin's own views bring it themselves."""
    return context(request) if request.path.startswith(PATHS) else {}


def context(request: HttpRequest) -> dict[str, Any]:
    """Return the theme's context, with the menu for whoever may see the admin."""
    return admin.site.each_context(request)
