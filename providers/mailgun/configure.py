"""Builds a provider of type `mailgun` from variables."""

import re

from providers.configuration import Entry, NotConfigured
from providers.mailgun.adapter import Config, Mailgun
from providers.mailgun.events import Source


def provider(entry: Entry) -> Mailgun:
    """Return the sending domain; raise NotConfigured without a key or a domain."""
    return Mailgun(config(entry))


def config(entry: Entry) -> Config:
    """Return the sending domain's configuration; raise NotConfigured without a key or a domain."""
    key, domain = entry.key("MAILGUN_API_KEY"), entry.read("MAILGUN_DOMAIN")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        raise NotConfigured(f"Set {entry.variable('MAILGUN_DOMAIN')} to a domain, such as mail.example.org.")
    url = entry.url("MAILGUN_BASE_URL", default="https://api.mailgun.net")
    return Config(name=entry.name, api_key=key, domain=domain, base_url=url)


def events(entry: Entry) -> Source:
    """Return where its events come from; without a key nothing can be verified."""
    return Source(entry.words("MAILGUN_EVENTS_SIGNING_KEY"))
