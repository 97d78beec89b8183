"""The registry of provider types: builds the providers of GOMAIL_PROVIDERS."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from providers.base import Provider
from providers.configuration import Entry, NotConfigured, Settings
from providers.connector import Connector
from providers.django import configure as django
from providers.events import Source
from providers.mailgun import configure as mailgun
from providers.mailgun import connect as mailgun_events
from providers.mailgun import sender_domains as mailgun_domains
from providers.mailgun import suppressions as mailgun_lists
from providers.mandrill import configure as mandrill
from providers.mandrill import connect as mandrill_events
from providers.mandrill import sender_domains as mandrill_domains
from providers.mandrill import suppressions as mandrill_lists
from providers.sandbox import configure as sandbox
from providers.sender_domains import SenderDomains, Silent
from providers.sendgrid import configure as sendgrid
from providers.sendgrid import connect as sendgrid_events
from providers.sendgrid import sender_domains as sendgrid_domains
from providers.sendgrid import suppressions as sendgrid_lists
from providers.ses import configure as ses
from providers.ses import connect as ses_events
from providers.ses import queue as ses_queue
from providers.ses import sender_domains as ses_domains
from providers.ses import suppressions as ses_lists
from providers.smtp import configure as smtp
from providers.suppressions import Lists

TYPES: Mapping[str, Callable[[Entry], Provider]] = MappingProxyType(
    {
        "ses": ses.provider,
        "sendgrid": sendgrid.provider,
        "mailgun": mailgun.provider,
        "mandrill": mandrill.provider,
        "smtp": smtp.provider,
        "django": django.provider,
        "sandbox": sandbox.provider,
    }
)

# The types whose events can be set up from here.
CONNECTORS: Mapping[str, Callable[[Entry], Connector]] = MappingProxyType(
    {
        "ses": ses_events.Connector,
        "sendgrid": sendgrid_events.Connector,
        "mailgun": mailgun_events.Connector,
        "mandrill": mandrill_events.Connector,
    }
)

# By any of these an account's events are found or verified.
_EVENT_VARIABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ses": ("AWS_SES_EVENTS_QUEUE_URL", "AWS_SES_EVENTS_TOPIC_ARN"),
        "sendgrid": ("SENDGRID_EVENTS_PUBLIC_KEY",),
        "mailgun": ("MAILGUN_EVENTS_SIGNING_KEY",),
        "mandrill": ("MANDRILL_EVENTS_KEY",),
    }
)


SOURCES: Mapping[str, Callable[[Entry], Source | None]] = MappingProxyType(
    {
        "ses": ses.events,
        "sendgrid": sendgrid.events,
        "mailgun": mailgun.events,
        "mandrill": mandrill.events,
        "django": django.events,
    }
)


# The types whose suppression lists can be read and changed.
LISTS: Mapping[str, Callable[[Entry], Lists]] = MappingProxyType(
    {
        "ses": ses_lists.Lists,
        "sendgrid": sendgrid_lists.Lists,
        "mailgun": mailgun_lists.Lists,
        "mandrill": mandrill_lists.Lists,
    }
)

# The types that can be asked which DNS records they want for a sender's domain.
SENDER_DOMAINS: Mapping[str, Callable[[Entry], SenderDomains]] = MappingProxyType(
    {
        "ses": ses_domains.asker,
        "sendgrid": sendgrid_domains.asker,
        "mailgun": mailgun_domains.asker,
        "mandrill": mandrill_domains.asker,
    }
)

_NOTHING_TO_ASK: Mapping[str, str] = MappingProxyType(
    {
        "smtp": "An SMTP server cannot be asked. Whoever runs it knows which SPF and DKIM records it needs.",
        "django": "A Django backend cannot be asked. The vendor's own pages show the records that it needs.",
        "sandbox": "The sandbox hands no mail over, so it needs no record.",
    }
)


def build(names: Iterable[str], settings: Settings) -> tuple[Provider, ...]:
    """Return the providers in order of preference, without those that `problems` names."""
    results = [result for _, result in _results(names, settings)]
    return tuple(result for result in results if not isinstance(result, str))


def source(account: str, names: Iterable[str], settings: Settings) -> Source | None:
    """Return where an account's events come from; None if there is no such account, or its type tells of none."""
    entry = named(account, names, settings)
    configure = SOURCES.get(entry.type) if entry else None
    return configure(entry) if entry and configure else None


def problems(names: Iterable[str], settings: Settings) -> list[str]:
    """Return a sentence for each name that was left out: why, and what to set."""
    return [
        f"{name} is left out: {result}"
        for name, result in _results(names, settings)
        if isinstance(result, str)
    ]


def named(name: str, names: Iterable[str], settings: Settings) -> Entry | None:
    """Return the configuration of one account; None if there is no such account."""
    entries = (_entry(word.strip(), settings) for word in names)
    return next((entry for entry in entries if entry.name == name), None)


def lists(names: Iterable[str], settings: Settings) -> dict[str, Lists]:
    """Return the suppression lists of each account that has some, by the account's name; nothing is asked yet."""
    entries = [_entry(word.strip(), settings) for word in names if word.strip()]
    found = {entry.name: _lists(entry) for entry in entries}
    return {name: one for name, one in found.items() if one}


def sender_domains(names: Iterable[str], settings: Settings) -> dict[str, SenderDomains]:
    """Return what each usable account is asked about domains by, by the account's name; nothing is asked yet."""
    entries = [_entry(word.strip(), settings) for word in names if word.strip()]
    found = {entry.name: _sender_domains(entry) for entry in reversed(entries)}
    return {name: one for name, one in found.items() if one}


def connector(name: str, names: Iterable[str], settings: Settings) -> Connector:
    """Return what connects the events of one account; raise NotConfigured if that cannot be done."""
    entry = named(name, names, settings)
    if entry is None:
        raise NotConfigured(f"There is no provider {name!r} in GOMAIL_PROVIDERS.")
    connect = CONNECTORS.get(entry.type)
    if connect is None:
        able = ", ".join(CONNECTORS)
        raise NotConfigured(f"The events of {name} cannot be connected from here, only those of {able}.")
    return connect(entry)


def is_connected(name: str, names: Iterable[str], settings: Settings) -> bool:
    """Tell whether an account has a variable by which its events are found or verified."""
    entry = named(name, names, settings)
    return entry is not None and any(map(entry.read, _EVENT_VARIABLES.get(entry.type, ())))


def queues(names: Iterable[str], settings: Settings) -> dict[str, ses_queue.Queue]:
    """Return the queue of each account whose events come by one, by the account's name."""
    entries = [_entry(word.strip(), settings) for word in names if word.strip()]
    found = {entry.name: _queue(entry) for entry in entries}
    return {name: queue for name, queue in found.items() if queue}


def _results(names: Iterable[str], settings: Settings) -> list[tuple[str, Provider | str]]:
    entries = [_entry(word.strip(), settings) for word in names if word.strip()]
    first = {entry.name: entry for entry in reversed(entries)}
    return [
        (entry.name, _build(entry) if first[entry.name] is entry else "it is named twice.")
        for entry in entries
    ]


def _entry(word: str, settings: Settings) -> Entry:
    name, _, kind = word.partition("=")
    return Entry(name=name.strip(), type=kind.strip() or name.strip(), settings=settings)


def _build(entry: Entry) -> Provider | str:
    configure = TYPES.get(entry.type)
    if configure is None:
        return f"there is no provider of type {entry.type!r}, only {', '.join(TYPES)}."
    try:
        return configure(entry)
    except NotConfigured as problem:
        return str(problem)


def _lists(entry: Entry) -> Lists | None:
    make = LISTS.get(entry.type)
    try:
        return make(entry) if make else None
    except NotConfigured:  # `problems` names it
        return None


def _queue(entry: Entry) -> ses_queue.Queue | None:
    if entry.type != "ses" or not ses_queue.is_configured(entry):
        return None
    try:
        return ses_queue.Queue(entry)
    except NotConfigured:  # `problems` names it
        return None


def _sender_domains(entry: Entry) -> SenderDomains | None:
    make = SENDER_DOMAINS.get(entry.type)
    try:
        return make(entry) if make else _silent(entry)
    except NotConfigured:  # `problems` names it
        return None


def _silent(entry: Entry) -> Silent | None:
    says = _NOTHING_TO_ASK.get(entry.type)
    return Silent(name=entry.name, says=says) if says else None
