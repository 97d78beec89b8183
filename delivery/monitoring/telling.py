"""Tells people by apprise, which knows some 180 services. Only the worker that looks for troubles loads it.

Its URLs hold keys, in the path or the host as well, where masking leaves them: a URL is shown by its number and scheme.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from django.conf import settings

from delivery.models import Alert
from delivery.monitoring import channels
from delivery.monitoring.messages import Message

_SECONDS: Final = 20.0  # for all channels together
_Word = Alert.Word
_TYPES: Final[Mapping[str, str]] = {
    _Word.OPENED: "failure",
    _Word.REMINDED: "warning",
    _Word.ENDED: "success",
    _Word.PASSED: "info",
    _Word.DIGEST: "info",
}
NOT_INSTALLED: Final = "apprise is not installed: pip install --require-hashes -r requirements/alerts.txt"


@dataclass(frozen=True, kw_only=True)
class Result:
    """Who was told, and who was not: channels, without their keys."""

    told: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Channel:
    """One of GOMAIL_ALERT_URLS."""

    number: int
    scheme: str
    service: Any  # apprise's; None: it does not know this URL

    @property
    def shown(self) -> str:
        """Which it is, for a person."""
        return f"URL {self.number} ({self.scheme}://…)"

    @property
    def tag(self) -> str:
        """Which it is, for apprise: of two URLs that differ in their keys alone the masked forms are the same."""
        return _tag(self.number)

    @property
    def mail_host(self) -> str:
        """The mail server that it goes through; empty: it is no mail."""
        return str(getattr(self.service, "smtp_host", "") or "")


def prepare() -> None:
    """Load what takes a second or two, so that the first message is not late by it."""
    if settings.ALERT_SECRETS and find_spec("apprise"):
        _channels(tuple(settings.ALERT_SECRETS))


def tell(message: Message) -> Result:
    """Tell people by every channel, but not by a provider that is in trouble. It takes 20 seconds at most."""
    if not find_spec("apprise"):
        return Result(failed=(NOT_INSTALLED,))
    several = _channels(tuple(settings.ALERT_SECRETS))
    failed = [f"{each.shown} (unknown to apprise)" for each in several if each.service is None]
    known = [each for each in several if each.service is not None]
    around = [each for each in known if channels.shared(each.scheme, each.mail_host, message.providers)]
    failed += [f"{each.shown} (goes through the provider in trouble)" for each in around]
    told, silent = _notified([each for each in known if each not in around], message)
    return Result(told=tuple(told), failed=(*failed, *silent))


def _notified(several: Sequence[_Channel], message: Message) -> tuple[list[str], list[str]]:
    """Return who was told, and who was not."""
    if not several:
        return [], []
    import apprise

    group = apprise.Apprise([each.service for each in several])
    result = group.notify(
        body=message.text,
        title=message.title,
        notify_type=apprise.NotifyType(_TYPES[message.word]),
        body_format=apprise.NotifyFormat.TEXT,
        timeout=_SECONDS,
    )
    done = {tag for one in result if one for tag in one.tag}
    told = [each.shown for each in several if each.tag in done]
    return told, [each.shown for each in several if each.shown not in told]


@lru_cache(maxsize=4)
def _channels(urls: tuple[str, ...]) -> tuple[_Channel, ...]:
    import apprise

    logging.getLogger("apprise").setLevel(
        logging.CRITICAL
    )  # it quotes answers; we say ourselves who was not told
    asset = apprise.AppriseAsset(app_id="GoMail", app_desc="GoMail", storage_mode="memory")
    return tuple(_channel(number, url, asset) for number, url in enumerate(urls, 1))


def _channel(number: int, url: str, asset: Any) -> _Channel:
    import apprise

    service = apprise.Apprise.instantiate(url, asset=asset, tag=_tag(number))
    return _Channel(number=number, scheme=url.partition("://")[0].lower(), service=service)


def _tag(number: int) -> str:
    return f"url-{number}"
