"""From the names in GOMAIL_PROVIDERS to providers, and from a message to those that can carry it."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from providers import django_backend, mailgun, mandrill, mime, sandbox, sendgrid, ses, smtp
from providers.base import Provider
from providers.errors import AccountProblem
from providers.message import Message

Settings = Mapping[str, str]  # variables as in .env.example


class _NotConfigured(Exception):
    """A provider lacks a variable, or has one that cannot work."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One word of GOMAIL_PROVIDERS: `ses`, or `ses-eu=ses` for a second account of a type."""

    name: str
    type: str

    def read(self, settings: Settings, variable: str) -> str:
        """Return a variable's value; those of a named account carry its name: SES_EU_AWS_SES_REGION."""
        return settings.get(self.variable(variable), "").strip()

    def variable(self, variable: str) -> str:
        """Return the variable's name for this account."""
        prefix = "" if self.name == self.type else re.sub(r"\W", "_", self.name).upper() + "_"
        return prefix + variable


def build(names: Iterable[str], settings: Settings) -> tuple[Provider, ...]:
    """Return the providers in order of preference, without those that `problems` tells about."""
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
    """Return why a provider cannot carry this message, in words for a person; empty when it can."""
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
    entries = [_entry(word.strip()) for word in names if word.strip()]
    first = {entry.name: entry for entry in reversed(entries)}
    return [
        (entry.name, _build(entry, settings) if first[entry.name] is entry else "it is named twice.")
        for entry in entries
    ]


def _entry(word: str) -> _Entry:
    name, _, kind = word.partition("=")
    return _Entry(name=name.strip(), type=kind.strip() or name.strip())


def _build(entry: _Entry, settings: Settings) -> Provider | str:
    builder = _BUILDERS.get(entry.type)
    if builder is None:
        return f"there is no provider of type {entry.type!r}, only {', '.join(_BUILDERS)}."
    try:
        return builder(entry, settings)
    except _NotConfigured as problem:
        return str(problem)


def _ses(entry: _Entry, settings: Settings) -> Provider:
    region = entry.read(settings, "AWS_SES_REGION")
    key, secret = (entry.read(settings, name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if not region:
        given = "The AWS keys are there, but no region. " if key or secret else ""
        raise _NotConfigured(f"{given}Set {entry.variable('AWS_SES_REGION')}, for instance to eu-west-1.")
    if bool(key) != bool(secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise _NotConfigured(f"one of two keys is there. Set {entry.variable(missing)} as well, or neither.")
    config = ses.Config(
        name=entry.name,
        region=region,
        access_key_id=key,
        secret_access_key=secret,
        configuration_set=entry.read(settings, "AWS_SES_CONFIGURATION_SET"),
        endpoint_url=_url(entry, settings, "AWS_SES_ENDPOINT_URL", default=""),
    )
    return ses.SES(config)


def _sendgrid(entry: _Entry, settings: Settings) -> Provider:
    key = _key(entry, settings, "SENDGRID_API_KEY")
    url = _url(entry, settings, "SENDGRID_BASE_URL", default="https://api.sendgrid.com")
    return sendgrid.SendGrid(sendgrid.Config(name=entry.name, api_key=key, base_url=url))


def _mailgun(entry: _Entry, settings: Settings) -> Provider:
    key = _key(entry, settings, "MAILGUN_API_KEY")
    domain = entry.read(settings, "MAILGUN_DOMAIN")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        raise _NotConfigured(f"Set {entry.variable('MAILGUN_DOMAIN')} to a domain, such as mail.example.org.")
    url = _url(entry, settings, "MAILGUN_BASE_URL", default="https://api.mailgun.net")
    return mailgun.Mailgun(mailgun.Config(name=entry.name, api_key=key, domain=domain, base_url=url))


def _mandrill(entry: _Entry, settings: Settings) -> Provider:
    key = _key(entry, settings, "MANDRILL_API_KEY")
    url = _url(entry, settings, "MANDRILL_BASE_URL", default="https://mandrillapp.com/api/1.0")
    return mandrill.Mandrill(mandrill.Config(name=entry.name, api_key=key, base_url=url))


def _smtp(entry: _Entry, settings: Settings) -> Provider:
    url = entry.read(settings, "SMTP_URL")
    if not url:
        raise _NotConfigured(
            f"Set {entry.variable('SMTP_URL')}, for instance to smtp://user:password@host:587."
        )
    try:
        return smtp.SMTP(smtp.read_url(url, name=entry.name))
    except ValueError as problem:
        raise _NotConfigured(f"{entry.variable('SMTP_URL')} {problem}.") from None


def _django(entry: _Entry, settings: Settings) -> Provider:
    backend = entry.read(settings, "DJANGO_BACKEND")
    if not django_backend.ALLOWED.fullmatch(backend):
        path = "anymail.backends.postmark.EmailBackend"
        raise _NotConfigured(
            f"Set {entry.variable('DJANGO_BACKEND')} to a backend that is allowed, such as {path}."
        )
    options = _options(entry, settings, "DJANGO_OPTIONS")
    provider = django_backend.DjangoBackend(
        django_backend.Config(name=entry.name, backend=backend, options=options)
    )
    try:
        provider.verify()
    except AccountProblem as problem:
        raise _NotConfigured(f"{entry.variable('DJANGO_OPTIONS')} does not do: {problem.detail}") from None
    return provider


def _sandbox(entry: _Entry, settings: Settings) -> Provider:
    return sandbox.Sandbox(entry.name)


def _key(entry: _Entry, settings: Settings, variable: str) -> str:
    key = entry.read(settings, variable)
    if not key:
        raise _NotConfigured(f"Set {entry.variable(variable)}.")
    if not re.fullmatch("[!-~]+", key):
        raise _NotConfigured(f"{entry.variable(variable)} holds a space or another strange character.")
    return key


def _options(entry: _Entry, settings: Settings, variable: str) -> dict[str, Any]:
    try:
        options = json.loads(entry.read(settings, variable) or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict) or "fail_silently" in options:
        raise _NotConfigured(f"{entry.variable(variable)} is no JSON object of options for the backend.")
    return options


def _url(entry: _Entry, settings: Settings, variable: str, *, default: str) -> str:
    url = entry.read(settings, variable) or default
    if url and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url):
        raise _NotConfigured(f"{entry.variable(variable)} is no http address.")
    return url


def _extension(filename: str) -> str:
    return filename.rstrip(". ").rpartition(".")[2].lower() if "." in filename else ""


def _size(message: Message) -> int:
    """Return an upper estimate of the encoded size; the exact one would encode the texts once more."""
    texts = 4 * (len(message.text) + len(message.html)) + 8192
    return texts + sum(mime.encoded_size(file.size) + 1024 for file in message.attachments)


_BUILDERS: Mapping[str, Callable[[_Entry, Settings], Provider]] = MappingProxyType(
    {
        "ses": _ses,
        "sendgrid": _sendgrid,
        "mailgun": _mailgun,
        "mandrill": _mandrill,
        "smtp": _smtp,
        "django": _django,
        "sandbox": _sandbox,
    }
)
