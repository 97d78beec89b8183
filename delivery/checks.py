"""System checks: configuration errors are reported at the start, each with its remedy."""

import re
import sqlite3
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connection

from delivery.content import addresses, links, tombstones
from delivery.db import durability as postgresql
from delivery.db.outages import AWAY
from delivery.files import archives, clamd
from delivery.routing import configured

_EVERY_VARIABLE = ".env.example names every variable."
_SECRET_KEY_LENGTH = 50
_SQLITE = (3, 35)  # the first with RETURNING
_BROKERS = {"amqp", "amqps", "redis", "rediss"}
_NO_PROVIDER = (
    "Give one of GOMAIL_PROVIDERS its credentials; .env.example names them. "
    "In development (DJANGO_DEBUG=true) the sandbox would keep the mail."
)


@register
def providers(**_: Any) -> Sequence[CheckMessage]:
    """Warn of each provider that is left out; without any provider, production cannot work."""
    left_out = [Warning(problem, id="gomail.W001") for problem in configured.problems()]
    if configured.providers():
        return left_out
    return [*left_out, Error("No provider can send.", hint=_NO_PROVIDER, id="gomail.E001")]


@register
def secret_key(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a key that could be guessed."""
    if settings.DEBUG or len(settings.SECRET_KEY) >= _SECRET_KEY_LENGTH:
        return []
    hint = 'python -c "import secrets; print(secrets.token_urlsafe(50))" makes one.'
    return [
        Error(
            f"DJANGO_SECRET_KEY has fewer than {_SECRET_KEY_LENGTH} characters.", hint=hint, id="gomail.E002"
        )
    ]


@register
def hosts(**_: Any) -> Sequence[CheckMessage]:
    """Refuse to start where every request would be answered 400."""
    if settings.DEBUG or settings.ALLOWED_HOSTS:
        return []
    hint = "Set it to the host names that clients use, separated by commas: mail.example.org"
    return [Error("DJANGO_ALLOWED_HOSTS is empty.", hint=hint, id="gomail.E004")]


@register
def proxies(**_: Any) -> Sequence[CheckMessage]:
    """Say that no proxy is believed: no mistake where none is in front, so that it fails no deployment."""
    if settings.DEBUG or settings.GOMAIL_TRUSTED_PROXIES:
        return []
    said = (
        "GOMAIL_TRUSTED_PROXIES is empty: behind a proxy, every client has the proxy's address, and the admin's "
        "forms are refused over HTTPS."
    )
    hint = "Name the proxy's address as GoMail sees it, 127.0.0.1 on the same machine. Without a proxy all is well."
    return [Info(said, hint=hint, id="gomail.I001")]


@register
def sqlite(**_: Any) -> Sequence[CheckMessage]:
    """Refuse an SQLite that cannot return the rows it changes."""
    if connection.vendor != "sqlite" or sqlite3.sqlite_version_info >= _SQLITE:
        return []
    hint = "Use a Python that was built with a newer one, or PostgreSQL by DATABASE_URL."
    said = f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed."
    return [Error(said, hint=hint, id="gomail.E007")]


@register(Tags.database)
def durability(*, databases: Sequence[str] | None = None, **_: Any) -> Sequence[CheckMessage]:
    """Warn of a PostgreSQL that may lose what it has committed; one that is away is asked another time."""
    if not databases:
        return []
    was_open = connection.connection is not None
    try:
        lacking, by_us_alone = postgresql.lacking(), postgresql.set_by_us_alone()
    except AWAY:
        return []
    finally:
        if not was_open:
            connection.close()  # what is forked from here must not share it
    said = "PostgreSQL's {} is off: after a crash it may have lost emails that were acknowledged."
    ours = "PostgreSQL's default of {} is off; GoMail sets it on its own connections, a pooler may undo that."
    return [
        *(Warning(said.format(name), hint=postgresql.REMEDY, id="gomail.W004") for name in lacking),
        *(Warning(ours.format(name), hint=postgresql.REMEDY, id="gomail.W005") for name in by_us_alone),
    ]


@register
def engine(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a broker that cannot be used: scheduled emails would wait for workers that cannot run."""
    if not settings.CELERY_BROKER_URL:
        return []
    if not find_spec("celery"):
        hint = "pip install --require-hashes -r requirements/celery.txt, or leave it empty for `manage.py worker`."
        return [Error("CELERY_BROKER_URL is set, and Celery is not installed.", hint=hint, id="gomail.E005")]
    if settings.CELERY_BROKER_URL.partition("://")[0] not in _BROKERS:
        hint = "Write amqp://user:password@host:5672/ for RabbitMQ, redis://:password@host:6379/0 for Redis."
        return [Error("CELERY_BROKER_URL names an unsupported broker.", hint=hint, id="gomail.E006")]
    return []


@register
def unsubscribe_links(**_: Any) -> Sequence[CheckMessage]:
    """Warn of links that cannot be made although one half of what they need is set."""
    if not (settings.GOMAIL_LINK_KEYS or settings.GOMAIL_PUBLIC_URL) or not (missing := links.trouble()):
        return []
    hint = "Until then emails with `unsubscribe` are refused; docs/suppressions.md says what to set."
    return [Warning(missing, hint=hint, id="gomail.W010")]


@register
def tombstones_of_people(**_: Any) -> Sequence[CheckMessage]:
    """Warn where nobody can be erased, and where the suppressions of erased people do not work."""
    missing = tombstones.trouble()
    if not missing or (settings.DEBUG and not settings.GOMAIL_TOMBSTONE_KEYS):
        return []
    hint = "Nobody can be erased, and who was erased gets mail again; docs/erasure.md says what to set."
    return [Warning(missing, hint=hint, id="gomail.W011")]


@register
def scanner(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a scanner that can never be asked, and words that refuse nothing."""
    return [*_wrong_scanner(), *_unknown_archives()]


def _wrong_scanner() -> list[CheckMessage]:
    try:
        if settings.CLAMD_URL:
            clamd.address(settings.CLAMD_URL)
    except ValueError as error:
        return [Error(f"CLAMD_URL cannot be used: {error}.", id="gomail.E008")]
    return []


def _unknown_archives() -> list[CheckMessage]:
    unknown = set(settings.GOMAIL_REFUSED_ARCHIVES) - {*archives.POLICIES, "none"}
    hint = f"Write {', '.join(archives.POLICIES)}, separated by commas, or none."
    said = "GOMAIL_REFUSED_ARCHIVES holds {!r}."
    return [Error(said.format(word), hint=hint, id="gomail.E009") for word in sorted(unknown)]


@register
def alerts(**_: Any) -> Sequence[CheckMessage]:
    """Warn where people could not be told of anything although they were to be."""
    if not settings.ALERT_SECRETS or find_spec("apprise"):
        return []
    hint = "pip install --require-hashes -r requirements/alerts.txt"
    said = "GOMAIL_ALERT_URLS is set, and apprise is not installed: nobody is told of anything."
    return [Warning(said, hint=hint, id="gomail.W012")]


@register
def heartbeat(**_: Any) -> Sequence[CheckMessage]:
    """Warn of a heartbeat that can never be heard; its path is a secret."""
    given = settings.HEARTBEAT_SECRET
    if not given or re.match(r"https?://[^/?#\s]", given):
        return []
    said = "GOMAIL_HEARTBEAT_URL is no URL: nobody hears that the workers are alive."
    return [Warning(said, hint="Write https://…, as the service that listens names it.", id="gomail.W013")]


@register
def misspelt_variables(**_: Any) -> Sequence[CheckMessage]:
    """Warn of what somebody has set in vain."""
    said = "{} is set, and GoMail reads no such variable."
    return [
        Warning(
            said.format(name), hint=f"Did you mean {meant}?" if meant else _EVERY_VARIABLE, id="gomail.W014"
        )
        for name, meant in settings.MISSPELT_VARIABLES
    ]


@register
def openness(**_: Any) -> Sequence[CheckMessage]:
    """Warn of settings that are right on a developer's machine only."""
    if settings.DEBUG:
        return []
    open_relay = Warning("API_KEY_REQUIRED is false: whoever reaches the port can send.", id="gomail.W002")
    nothing_sent = Warning("The sandbox takes emails and sends none.", id="gomail.W003")
    return [
        *([] if settings.API_KEY_REQUIRED else [open_relay]),
        *([nothing_sent] if any(provider.type == "sandbox" for provider in configured.providers()) else []),
    ]


@register
def default_sender(**_: Any) -> Sequence[CheckMessage]:
    """Check the sender of requests that name none."""
    if not settings.DEFAULT_FROM_EMAIL:
        return []
    try:
        addresses.mailbox(settings.DEFAULT_FROM_EMAIL)
    except addresses.InvalidAddress as error:
        return [
            Error(
                f"DEFAULT_FROM_EMAIL is not a mailbox: {error}",
                hint="Write it as name@example.org.",
                id="gomail.E003",
            )
        ]
    return []
