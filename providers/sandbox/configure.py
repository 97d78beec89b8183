"""Builds a provider of type `sandbox` from variables."""

from providers.configuration import Entry
from providers.sandbox.adapter import Sandbox


def provider(entry: Entry) -> Sandbox:
    """Return a sandbox, which needs no variables."""
    return Sandbox(entry.name)
