"""Events of Mandrill: a form with up to a thousand of them in JSON, signed with the URL that it was told to post to.

The signature has no time and no number: only the key of each event keeps a repeat from counting twice.
https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from providers import events
from providers.events import Binding, Bounce, CannotVerify, Event, Forged, Kind, Post, Trouble

_FIELD, _SIGNATURE = "mandrill_events", "x-mandrill-signature"
_REHEARSAL = b"test-webhook"  # signs the one empty post that Mandrill makes before it has given a key away

_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "send": Kind.ACCEPTED,
        "deferral": Kind.DEFERRED,
        "delivered": Kind.DELIVERED,
        "hard_bounce": Kind.BOUNCED,
        "soft_bounce": Kind.BOUNCED,
        "reject": Kind.REJECTED,
        "spam": Kind.COMPLAINED,
        "unsub": Kind.UNSUBSCRIBED,
        "open": Kind.OPENED,
        "click": Kind.CLICKED,
    }
)
_BOUNCES: Mapping[str, Bounce] = MappingProxyType({"hard_bounce": Bounce.HARD, "soft_bounce": Bounce.SOFT})
# Reasons of a reject: those of its own list, and those that speak of the sender.
_ITS_LIST = frozenset({"hard-bounce", "soft-bounce", "spam", "unsub", "custom"})
_OF_THE_SENDER = frozenset({"unsigned", "invalid-sender"})


class Source:
    """Where the events of one account come from."""

    forged: ClassVar[int] = 403

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the webhooks' keys."""
        self._keys = [key.encode() for key in keys if key]

    def verify(self, post: Post) -> None:
        """Raise Forged or CannotVerify unless Mandrill has signed the URL and the form."""
        fields, signature = _fields(post), post.headers.get(_SIGNATURE, "")
        if _is_rehearsal(fields) and _is_by(_REHEARSAL, signature, post, fields):
            return
        if not self._keys:
            raise CannotVerify("No key is set.")
        if not signature:
            raise Forged("It has no signature.")
        if not any(_is_by(key, signature, post, fields) for key in self._keys):
            raise Forged("Its signature is not that of the key.")

    def parse(self, post: Post) -> Sequence[Event]:
        """Return the events of a verified post."""
        text = dict(_fields(post)).get(_FIELD, "")
        try:
            told = events.read_json(text)
        except ValueError:
            return [events.unread(post, {_FIELD: text})]
        return [_event(each, post) for each in (told if isinstance(told, list) else [told])]

    def binding(self, post: Post) -> Binding | None:
        """Return None: the signature covers the form."""
        return None


def _fields(post: Post) -> Sequence[tuple[str, str]]:
    try:
        fields = parse_qsl(
            post.body.decode(), keep_blank_values=True, strict_parsing=bool(post.body), max_num_fields=99
        )
    except ValueError as error:
        raise Forged("It is no form.") from error
    if [name for name, _ in fields] != [_FIELD]:  # what is signed has nothing between names and values
        raise Forged("It is not the form of Mandrill.")
    return fields


def _is_rehearsal(fields: Sequence[tuple[str, str]]) -> bool:
    return dict(fields).get(_FIELD, "").strip() == "[]"


def _is_by(key: bytes, signature: str, post: Post, fields: Sequence[tuple[str, str]]) -> bool:
    signed = post.url + "".join(name + value for name, value in sorted(fields))
    digest = hmac.new(key, signed.encode(errors="replace"), hashlib.sha1).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode())


def _event(told: Any, post: Post) -> Event:
    try:
        return _read(told)
    except (ValueError, KeyError, TypeError, AttributeError):  # whatever is not as documented
        return events.unread(post, told if isinstance(told, dict) else {"event": told})


def _read(told: Mapping[str, Any]) -> Event:
    name, mail = str(told["event"]), told["msg"]
    refusal = _refusal(mail) if name == "reject" else ""
    return Event(
        kind=Kind.SUPPRESSED if refusal in _ITS_LIST else _KINDS.get(name, Kind.OTHER),
        name=f"{name}/{refusal}" if refusal else name,
        at=events.at_second(told["ts"]),
        attempt=_attempt(mail),
        recipient=events.words(mail.get("email")),
        bounce=_BOUNCES.get(name, Bounce.NONE),
        trouble=Trouble.SENDER if refusal in _OF_THE_SENDER else Trouble.NONE,
        code=events.words(mail.get("bounce_description")),
        reason=events.words(mail.get("diag")) or refusal,
        message_id=events.words(told.get("_id") or mail.get("_id")),
        distinction=events.words(told.get("url")),
        raw=told,
    )


def _refusal(mail: Mapping[str, Any]) -> str:
    refused = mail.get("reject")
    return events.words(refused.get("reason") if isinstance(refused, dict) else refused)


def _attempt(mail: Mapping[str, Any]) -> str:
    given = mail.get("metadata")  # an empty one comes as a list
    return events.words(given.get("gomail_attempt")) if isinstance(given, dict) else ""
