"""Builds a provider of type `sendgrid` from variables."""

from providers.configuration import Entry
from providers.sendgrid.adapter import Config, SendGrid


def provider(entry: Entry) -> SendGrid:
    """Return the account; raise NotConfigured without a key."""
    url = entry.url("SENDGRID_BASE_URL", default="https://api.sendgrid.com")
    return SendGrid(Config(name=entry.name, api_key=entry.key("SENDGRID_API_KEY"), base_url=url))
