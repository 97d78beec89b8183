"""Builds a provider of type `smtp` from variables."""

from providers.configuration import Entry, NotConfigured
from providers.smtp.adapter import SMTP, read_url


def provider(entry: Entry) -> SMTP:
    """Return the server; raise NotConfigured without a valid URL."""
    url = entry.read("SMTP_URL")
    if not url:
        raise NotConfigured(
            f"Set {entry.variable('SMTP_URL')}, for instance to smtp://user:password@host:587."
        )
    try:
        return SMTP(read_url(url, name=entry.name))
    except ValueError as problem:
        raise NotConfigured(f"{entry.variable('SMTP_URL')} {problem}.") from None
