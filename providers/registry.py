"""The registry of provider types: builds the providers of GOMAIL_PROVIDERS, checks messages against their limits."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from providers.base import Provider
from providers.configuration import Entry, NotConfigured, Settings
from providers.django import configure as django
from providers.mailgun import configure as mailgun
from providers.mandrill import configure as mandrill
from providers.message import Message
from providers.mime import build as mime
from providers.sandbox import configure as sandbox
from providers.sendgrid import configure as sendgrid
from providers.ses import configure as ses
from providers.smtp import configure as smtp

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


def build(names: Iterable[str], settings: Settings) -> tuple[Provider, ...]:
    """Return the providers in order of preference, without those that `problems` names."""
    results = [result for _, result in _results(names, settings)]
    return tuple(result for result in results if not isinstance(result, str))


def problems(names: Iterable[str], settings: Settings) -> list[str]:
    """Return a sentence for each name that was left out: why, and what to set."""
    return [
        f"{name} is left out: {result}"
        for name, result in _results(names, settings)
        if isinstance(result, str)
    ]


def unfit(provider: Provider, message: Message) -> str:
    """Return why a provider cannot carry this message, as a clause for a person; empty if it can."""
    limits = provider.limits
    blocked = sorted({_extension(file.filename) for file in message.attachments} & limits.blocked_extensions)
    if blocked:
        return f"{provider.name} does not take .{blocked[0]} files"
    if len(message.recipients) > limits.max_recipients:
        return f"{provider.name} takes {limits.max_recipients} recipients, not {len(message.recipients)}"
    if limits.needs_subject and not message.subject.strip():
        return f"{provider.name} does not take a message without a subject"
    if (size := _size(message)) > limits.max_bytes:
        return f"{provider.name} takes {limits.max_bytes / 1e6:.0f} MB, not {size / 1e6:.1f} MB"
    return ""


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


def _extension(filename: str) -> str:
    return filename.rstrip(". ").rpartition(".")[2].lower() if "." in filename else ""


def _size(message: Message) -> int:
    """Return an upper bound of the encoded size; the exact size would need encoding the texts once more."""
    texts = 4 * (len(message.text) + len(message.html)) + 8192
    return texts + sum(mime.encoded_size(file.size) + 1024 for file in message.attachments)
