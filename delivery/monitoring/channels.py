"""Which vendor a channel of alerts goes through: a mail about a provider in trouble must not be handed to it."""

import json
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from providers import registry
from providers.configuration import Entry

_DOMAINS: Final[Mapping[str, str]] = {  # of mail servers, by their vendors
    "amazonaws.com": "ses",
    "sendgrid.net": "sendgrid",
    "mailgun.org": "mailgun",
    "mandrillapp.com": "mandrill",
    "postmarkapp.com": "postmark",
    "resend.com": "resend",
    "brevo.com": "brevo",
    "sparkpostmail.com": "sparkpost",
    "mailersend.net": "mailersend",
}


def shared(scheme: str, mail_host: str, providers: Iterable[str]) -> bool:
    """Tell whether a channel leads through one of these providers, by its scheme and the mail server that it uses."""
    way = {scheme, *_of_host(mail_host)}
    return any(way & _of_provider(name) for name in providers)


def _of_provider(name: str) -> set[str]:
    entry = registry.named(name, settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS)
    if entry is None:
        return set()
    if entry.type == "smtp":
        return _of_host(urlsplit(entry.read("SMTP_URL")).hostname or "")
    return _of_backend(entry) if entry.type == "django" else {entry.type}


def _of_backend(entry: Entry) -> set[str]:
    """Return the vendor of one of anymail's backends, or the server of Django's own."""
    backend = entry.read("DJANGO_BACKEND").split(".")
    if backend[0] == "anymail":
        return {backend[-2]}
    try:
        options = json.loads(entry.read("DJANGO_OPTIONS") or "{}")
    except ValueError:
        return set()
    return _of_host(str(options.get("host", ""))) if isinstance(options, dict) else set()


def _of_host(host: str) -> set[str]:
    """Return a mail server's name, and its vendor if it is known."""
    if not host:
        return set()
    vendors = {vendor for domain, vendor in _DOMAINS.items() if f".{host}".endswith(f".{domain}")}
    return {host.lower(), *vendors}
