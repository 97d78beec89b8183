"""Builds a provider of type `django` from variables."""

import json
from typing import Any

from providers.configuration import Entry, NotConfigured
from providers.django.adapter import ALLOWED, Config, DjangoBackend
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


def _options(entry: Entry) -> dict[str, Any]:
    try:
        options = json.loads(entry.read("DJANGO_OPTIONS") or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict) or "fail_silently" in options:
        raise NotConfigured(
            f"{entry.variable('DJANGO_OPTIONS')} is no JSON object of options for the backend."
        )
    return options
