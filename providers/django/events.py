"""Events of the vendors that django-anymail knows: its views verify and read a post, with each account's own secrets.

Where a view has nothing but the user and password in the URL to go by, those must be set: without a secret nothing is
believed. Mailgun, Mandrill, SES and SendGrid have sources of their own, which verify more.
"""

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from providers import events
from providers.events import Binding, Bounce, CannotVerify, Event, Forged, Kind, Post

# The views, by the module of the backend.
VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "brevo": "BrevoTrackingWebhookView",
        "mailersend": "MailerSendTrackingWebhookView",
        "mailjet": "MailjetTrackingWebhookView",
        "mailtrap": "MailtrapTrackingWebhookView",
        "postal": "PostalTrackingWebhookView",
        "postmark": "PostmarkTrackingWebhookView",
        "resend": "ResendTrackingWebhookView",
        "sparkpost": "SparkPostTrackingWebhookView",
        "unisender_go": "UnisenderGoTrackingWebhookView",
    }
)
SECRETS = frozenset({"webhook_secret", "signing_secret", "webhook_key", "api_key"})  # of anymail's views
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError)  # whatever is not as documented
# anymail's words; https://anymail.dev/en/stable/sending/tracking/
_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "queued": Kind.ACCEPTED,
        "sent": Kind.ACCEPTED,
        "deferred": Kind.DEFERRED,
        "delivered": Kind.DELIVERED,
        "bounced": Kind.BOUNCED,
        "rejected": Kind.REJECTED,
        "failed": Kind.REJECTED,
        "complained": Kind.COMPLAINED,
        "unsubscribed": Kind.UNSUBSCRIBED,
        "subscribed": Kind.RESUBSCRIBED,
        "opened": Kind.OPENED,
        "clicked": Kind.CLICKED,
    }
)
_ITS_LISTS = frozenset(
    {"bounced", "spam", "unsubscribed"}
)  # reasons of a rejection that name an earlier event
# anymail calls every bounce a bounce; a vendor's own word for one that is final for the address, and where it stands.
_PLACES = frozenset({"Type", "event", "type", "status", "bounce_class"})
_HARD = frozenset(
    {"HardBounce", "hard_bounce", "hard_bounced", "activity.hard_bounced", "Permanent", "10", "30", "90"}
)


class Source:
    """Where the events of one account come from."""

    forged: ClassVar[int] = 403

    def __init__(self, vendor: str, options: Mapping[str, Any]) -> None:
        """Take the module of the backend, and the options of the view: its SECRETS."""
        self._view = _view(vendor, options) if _are_secrets(options) else None

    def verify(self, post: Post) -> None:
        """Raise Forged or CannotVerify unless the view believes the post."""
        if self._view is None:
            raise CannotVerify("No secret is set.")
        try:
            self._view.run_validators(_request(post))
        except (_failure(), *_UNREADABLE) as error:
            raise Forged("Its signature, or its user and password, is not right.") from error

    def parse(self, post: Post) -> Sequence[Event]:
        """Return the events of a verified post."""
        view: Any = self._view  # there is one, as the post was verified
        try:
            return [_event(told, post) for told in view.parse_events(_request(post))]
        except (_misdirected(), *_UNREADABLE):
            return [events.unread(post, {"body": post.body.decode(errors="replace")})]

    def binding(self, post: Post) -> Binding | None:
        """Return None: what is verified covers the body, or nothing of the post at all."""
        return None


def _view(vendor: str, options: Mapping[str, Any]) -> Any:
    """Return the view, or None if it would believe anybody."""
    view = getattr(importlib.import_module(f"anymail.webhooks.{vendor}"), VIEWS[vendor])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a view without a secret, which is not used
        try:
            made = view(**options)
        except (_misdirected(), ValueError, TypeError):
            return None
    return None if made.warn_if_no_basic_auth and not made.basic_auth else made


def _are_secrets(options: Mapping[str, Any]) -> bool:
    """Tell whether these can verify anything. A view takes any option for an attribute of its own, and any text."""
    several = [value if isinstance(value, list) else [value] for value in options.values()]
    words = [word for values in several for word in values or [None]]
    return bool(options) and set(options) <= SECRETS and all(isinstance(word, str) and word for word in words)


def _failure() -> type[Exception]:
    failure: type[Exception] = importlib.import_module("anymail.exceptions").AnymailWebhookValidationFailure
    return failure


def _misdirected() -> type[Exception]:
    """Return the error of a view that is not configured, or that got what belongs to another."""
    from django.core.exceptions import ImproperlyConfigured

    return ImproperlyConfigured


def _request(post: Post) -> Any:
    """Return the post as Django's views get it."""
    from django.core.handlers.wsgi import WSGIRequest

    url = urlsplit(post.url)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in post.headers.items()}
    return WSGIRequest(
        {
            **headers,
            "REQUEST_METHOD": "POST",
            "PATH_INFO": url.path or "/",
            "QUERY_STRING": url.query,
            "SERVER_NAME": url.hostname or "localhost",
            "SERVER_PORT": str(url.port or 443),
            "CONTENT_TYPE": post.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(post.body)),
            "wsgi.url_scheme": url.scheme or "https",
            "wsgi.input": BytesIO(post.body),
        }
    )


def _event(told: Any, post: Post) -> Event:
    raw = dict(told.esp_event) if isinstance(told.esp_event, Mapping) else {"event": str(told.esp_event)}
    kind = _kind(told)
    if told.timestamp is None:
        return events.unread(post, raw)
    return Event(
        kind=kind,
        name="/".join(filter(None, [told.event_type, told.reject_reason])),
        at=told.timestamp,
        attempt=events.words((told.metadata or {}).get("gomail_attempt")),
        recipient=events.words(told.recipient),
        bounce=_bounce(kind, raw),
        code=events.words(told.reject_reason),
        reason=events.words(told.mta_response or told.description),
        message_id=events.words(told.message_id),
        distinction=events.words(told.click_url),
        vendor_id=events.words(told.event_id),
        raw=raw,
    )


def _kind(told: Any) -> Kind:
    if told.event_type == "rejected" and told.reject_reason in _ITS_LISTS:
        return Kind.SUPPRESSED
    return _KINDS.get(told.event_type, Kind.OTHER)


def _bounce(kind: Kind, raw: Mapping[str, Any]) -> Bounce:
    """Return how final a bounce is: soft, unless the vendor says in its own words that it is hard."""
    if kind is not Kind.BOUNCED:
        return Bounce.NONE
    return Bounce.HARD if raw.get("hard_bounce") is True or _HARD & set(_said(raw)) else Bounce.SOFT


def _said(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name in _PLACES and isinstance(part, str):
                yield part
            else:
                yield from _said(part)
