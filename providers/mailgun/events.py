"""Events of Mailgun: one signed JSON object each.

The signature covers a time and a token, not the body: whoever has caught one could send any body with it. So the token
is bound to the first body that it is seen with.
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from providers import events
from providers.events import Binding, Bounce, CannotVerify, Event, Forged, Kind, Post

_OLDEST = timedelta(hours=8, minutes=30)  # it repeats for 8 hours, with the first signature
# A subaccount's events are signed by the account above it as well, with that one's key.
_BLOCKS = ("signature", "parent-signature")

_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "accepted": Kind.ACCEPTED,
        "delivered": Kind.DELIVERED,
        "rejected": Kind.REJECTED,
        "complained": Kind.COMPLAINED,
        "unsubscribed": Kind.UNSUBSCRIBED,
        "opened": Kind.OPENED,
        "clicked": Kind.CLICKED,
    }
)
_ITS_LISTS = "suppress-"  # reasons of a failure that begin so name Mailgun's own lists
_HARD = frozenset(
    {"bounce"}
)  # reasons that speak of the address; any other, such as old or espblock, does not


class Source:
    """Where the events of one account come from."""

    forged: ClassVar[int] = 406  # anything else is repeated for eight hours

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the HTTP webhook signing keys."""
        self._keys = [key.encode() for key in keys if key]

    def verify(self, post: Post) -> None:
        """Raise Forged or CannotVerify unless Mailgun has signed the time and the token."""
        if not self._keys:
            raise CannotVerify("No signing key is set.")
        block = self._believed(post)
        if block is None:
            raise Forged("Its signature is not that of the key.")
        try:
            at = events.at_second(block["timestamp"])
        except ValueError as error:
            raise Forged("Its time cannot be read.") from error
        events.check_age(at, post, oldest=_OLDEST)

    def parse(self, post: Post) -> Sequence[Event]:
        """Return the event of a verified post."""
        told = events.read_json(post.body)
        try:
            return [_read(told["event-data"])]
        except (ValueError, KeyError, TypeError, AttributeError):  # whatever is not as documented
            return [events.unread(post, told)]

    def binding(self, post: Post) -> Binding | None:
        """Return what is signed, and what it came with.

        It is the time and the token without anything between: a token that begins with e0 could give that to the time,
        which says the same then, and would be another one.
        """
        block = self._believed(post)
        if block is None:
            return None
        data = json.dumps(events.read_json(post.body).get("event-data"), sort_keys=True)
        signed = block["timestamp"] + block["token"]
        return Binding(token=signed, digest=hashlib.sha256(data.encode()).hexdigest())

    def _believed(self, post: Post) -> Mapping[str, str] | None:
        """Return the block of a signature that one of our keys has made."""
        for block in _blocks(post):
            signed = (block["timestamp"] + block["token"]).encode(errors="replace")
            for key in self._keys:
                expected = hmac.new(key, signed, hashlib.sha256).hexdigest()
                if hmac.compare_digest(expected.encode(), block["signature"].encode(errors="replace")):
                    return block
        return None


def _blocks(post: Post) -> Iterator[Mapping[str, str]]:
    try:
        told = events.read_json(post.body)
    except ValueError as error:
        raise Forged("It is not signed.") from error
    for name in _BLOCKS:
        block = told.get(name) if isinstance(told, dict) else None
        if isinstance(block, dict):
            yield {part: events.words(block.get(part)) for part in ("timestamp", "token", "signature")}


def _read(told: Mapping[str, Any]) -> Event:
    name, reason = str(told["event"]), events.words(told.get("reason"))
    status: Mapping[str, Any] = told.get("delivery-status") or {}
    kind, bounce = _outcome(name, reason, told, status)
    return Event(
        kind=kind,
        name="/".join(filter(None, [name, events.words(told.get("severity")), reason])),
        at=events.at_second(told["timestamp"]),
        attempt=events.words((told.get("user-variables") or {}).get("gomail_attempt")),
        recipient=events.words(told.get("recipient")),
        bounce=bounce,
        bot=bool((told.get("client-info") or {}).get("bot")),
        code=events.words(status.get("code")),
        reason=events.words(status.get("message") or status.get("description") or reason),
        message_id=_message_id(told),
        distinction=events.words(told.get("url") or status.get("attempt-no")),
        vendor_id=events.words(told.get("id")),
        raw=told,
    )


def _outcome(
    name: str, reason: str, told: Mapping[str, Any], status: Mapping[str, Any]
) -> tuple[Kind, Bounce]:
    if name != "failed":
        return _KINDS.get(name, Kind.OTHER), Bounce.NONE
    if told.get("severity") == "temporary":
        return Kind.DEFERRED, Bounce.NONE
    if reason.startswith(_ITS_LISTS):
        return Kind.SUPPRESSED, Bounce.NONE
    said = status.get("bounce-type")
    is_hard = said == "hard" or (not said and reason in _HARD)
    return Kind.BOUNCED, Bounce.HARD if is_hard else Bounce.SOFT


def _message_id(told: Mapping[str, Any]) -> str:
    return events.words(((told.get("message") or {}).get("headers") or {}).get("message-id"))
