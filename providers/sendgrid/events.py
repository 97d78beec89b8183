"""Events of SendGrid: the signed event webhook, a JSON array of up to 768 KB, every 30 s from each of its servers.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event and
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from providers import events
from providers.events import Binding, Bounce, CannotVerify, Event, Forged, Kind, Post, Trouble

_OLDEST = timedelta(hours=24, minutes=30)  # it repeats for a day; whether it signs anew is not documented
_SIGNATURE, _TIME = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"

_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "processed": Kind.ACCEPTED,
        "deferred": Kind.DEFERRED,
        "delivered": Kind.DELIVERED,
        "bounce": Kind.BOUNCED,
        "dropped": Kind.REJECTED,
        "spamreport": Kind.COMPLAINED,
        "unsubscribe": Kind.UNSUBSCRIBED,
        "group_unsubscribe": Kind.UNSUBSCRIBED,
        "group_resubscribe": Kind.RESUBSCRIBED,
        "open": Kind.OPENED,
        "click": Kind.CLICKED,
        "account_status_change": Kind.ACCOUNT,
    }
)
# Reasons of a drop that name SendGrid's own lists; the others are about the mail or the account.
_ITS_LISTS = ("Bounced Address", "Unsubscribed Address", "Spam Reporting Address", "Invalid")
_TROUBLES: Mapping[str, Trouble] = MappingProxyType(
    {
        "compliance_suspend": Trouble.ACCOUNT,
        "compliance_deactivate": Trouble.ACCOUNT,
        "compliance_ban": Trouble.ACCOUNT,
        "reactivate": Trouble.RESTORED,
    }
)


class Source:
    """Where the events of one account come from."""

    forged: ClassVar[int] = 403

    def __init__(self, keys: Iterable[str]) -> None:
        """Take the public keys as SendGrid shows them: Base64 without a frame."""
        self._keys = [key for text in keys if (key := _key(text))]

    def verify(self, post: Post) -> None:
        """Raise Forged or CannotVerify unless SendGrid has signed the time and the body."""
        if not self._keys:
            raise CannotVerify("No public key is set.")
        signature, time = post.headers.get(_SIGNATURE, ""), post.headers.get(_TIME, "")
        if not signature or not time:
            raise Forged("It has no signature.")
        if not any(_is_by(key, events.in_base64(signature), time.encode() + post.body) for key in self._keys):
            raise Forged("Its signature is not that of the key.")
        try:
            at = events.at_second(time)
        except ValueError as error:
            raise Forged("Its time cannot be read.") from error
        events.check_age(at, post, oldest=_OLDEST)

    def parse(self, post: Post) -> Sequence[Event]:
        """Return the events of a verified post."""
        try:
            told = events.read_json(post.body)
        except ValueError:
            return [events.unread(post, {"body": post.body.decode(errors="replace")})]
        return [_event(each, post) for each in (told if isinstance(told, list) else [told])]

    def binding(self, post: Post) -> Binding | None:
        """Return None: the signature covers the body."""
        return None


def _key(text: str) -> ec.EllipticCurvePublicKey | None:
    """Return a key; None for what is none, so that everything is refused as not to be verified."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def _is_by(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _event(told: Any, post: Post) -> Event:
    try:
        return _read(told)
    except (ValueError, KeyError, TypeError, AttributeError):  # whatever is not as documented
        return events.unread(post, told if isinstance(told, dict) else {"event": told})


def _read(told: Mapping[str, Any]) -> Event:
    name, kind_of = str(told["event"]), events.words(told.get("type"))
    reason = events.words(told.get("reason") or told.get("response"))
    return Event(
        kind=_kind(name, reason),
        name=f"{name}/{kind_of}" if kind_of else name,
        at=events.at_second(told["timestamp"]),
        attempt=events.words(told.get("gomail_attempt")),
        recipient=events.words(told.get("email")),
        bounce=_bounce(name, kind_of),
        bot=bool(told.get("sg_machine_open")),
        trouble=_TROUBLES.get(kind_of, Trouble.NONE) if name == "account_status_change" else Trouble.NONE,
        code=events.words(told.get("status") or told.get("asm_group_id")),
        reason=reason,
        message_id=events.words(told.get("sg_message_id")),
        distinction=_distinction(name, told),
        vendor_id=events.words(told.get("sg_event_id")),
        raw=told,
    )


def _kind(name: str, reason: str) -> Kind:
    if name == "dropped" and reason.startswith(_ITS_LISTS) and "SMTPAPI" not in reason:
        return Kind.SUPPRESSED
    return _KINDS.get(name, Kind.OTHER)


def _bounce(name: str, kind_of: str) -> Bounce:
    """Return how final a bounce is: a blocked mail says nothing of the address."""
    if name != "bounce":
        return Bounce.NONE
    return Bounce.SOFT if kind_of == "blocked" else Bounce.HARD


def _distinction(name: str, told: Mapping[str, Any]) -> str:
    part = {"click": "url", "deferred": "attempt", "account_status_change": "type"}.get(name, "asm_group_id")
    return events.words(told.get(part))
