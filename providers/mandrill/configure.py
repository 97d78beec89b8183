"""Builds a provider of type `mandrill` from variables."""

from providers.configuration import Entry
from providers.mandrill.adapter import Config, Mandrill
from providers.mandrill.events import Source


def provider(entry: Entry) -> Mandrill:
    """Return the account; raise NotConfigured without a key."""
    return Mandrill(config(entry))


def config(entry: Entry) -> Config:
    """Return the account's configuration; raise NotConfigured without a key."""
    url = entry.url("MANDRILL_BASE_URL", default="https://mandrillapp.com/api/1.0")
    return Config(name=entry.name, api_key=entry.key("MANDRILL_API_KEY"), base_url=url)


def events(entry: Entry) -> Source:
    """Return where its events come from; without a key nothing can be verified."""
    return Source(entry.words("MANDRILL_EVENTS_KEY"))
