"""Builds a provider of type `sendgrid` from variables."""

from providers.configuration import Entry
from providers.sendgrid.adapter import Config, SendGrid
from providers.sendgrid.events import Source


def provider(entry: Entry) -> SendGrid:
    """Return the account; raise NotConfigured without a key."""
    return SendGrid(config(entry))


def config(entry: Entry) -> Config:
    """Return the account's configuration; raise NotConfigured without a key."""
    url = entry.url("SENDGRID_BASE_URL", default="https://api.sendgrid.com")
    return Config(name=entry.name, api_key=entry.key("SENDGRID_API_KEY"), base_url=url)


def events(entry: Entry) -> Source:
    """Return where its events come from; without a key nothing can be verified."""
    return Source(entry.words("SENDGRID_EVENTS_PUBLIC_KEY"))
