"""Builds a provider of type `django` from variables."""

import json
from typing import Any

from providers.configuration import Entry, NotConfigured
from providers.django.adapter import ALLOWED, Config, DjangoBackend
from providers.django.events import VIEWS, Source
from providers.errors import AccountProblem


def provider(entry: Entry) -> DjangoBackend:
    """Return the backend; raise NotConfigured if it is not allowed, or its options are invalid."""
    backend = entry.read("DJANGO_BACKEND")
    if not ALLOWED.fullmatch(backend):
        path = "anymail.backends.postmark.EmailBackend"
        raise NotConfigured(
            f"Set {entry.variable('DJANGO_BACKEND')} to a backend that is allowed, such as {path}."
        )
    found = DjangoBackend(Config(name=entry.name, backend=backend, options=_options(entry)))
    try:
        found.verify()
    except AccountProblem as problem:
        raise NotConfigured(f"{entry.variable('DJANGO_OPTIONS')} does not do: {problem.detail}") from None
    return found


def _options(entry: Entry, variable: str = "DJANGO_OPTIONS") -> dict[str, Any]:
    try:
        options = json.loads(entry.read(variable) or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict) or "fail_silently" in options:
        raise NotConfigured(f"{entry.variable(variable)} is no JSON object of options for the backend.")
    return options


def events(entry: Entry) -> Source | None:
    """Return where its events come from; None for a backend that tells of none."""
    vendor = entry.read("DJANGO_BACKEND").removeprefix("anymail.backends.").removesuffix(".EmailBackend")
    if vendor not in VIEWS:
        return None
    try:
        return Source(vendor, _options(entry, "DJANGO_EVENTS_OPTIONS"))
    except NotConfigured:
        return Source(vendor, {})
