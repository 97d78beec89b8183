"""Events: what vendors tell of mail that they have taken. One vocabulary for all of them, and the values of the border.

Each vendor's `events` module has a Source, which verifies a Post and reads it into Events. Nothing is stored here.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

AHEAD = timedelta(seconds=300)  # by which a vendor's clock may be ahead of ours


class Kind(StrEnum):
    """What a vendor says has happened."""

    ACCEPTED = "accepted"  # the vendor has the mail
    DEFERRED = "deferred"  # the recipient's server wants it later; the vendor goes on trying
    DELIVERED = "delivered"  # the recipient's server has it
    BOUNCED = "bounced"  # final; hard: the address is bad; soft: it was not possible this time
    SUPPRESSED = "suppressed"  # the vendor's own list has the address: nothing was sent
    REJECTED = "rejected"  # the vendor did not send it, because of its content or its sender
    COMPLAINED = "complained"  # the recipient calls it spam
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    OPENED = "opened"
    CLICKED = "clicked"
    ACCOUNT = "account"  # news of the account itself
    OTHER = "other"  # a name that we do not know, or what cannot be read: kept, and nothing follows from it


class Bounce(StrEnum):
    """How final a bounce is for the address."""

    HARD = "hard"
    SOFT = "soft"
    NONE = ""  # it is none


class Trouble(StrEnum):
    """What an event says of the account or of the sender, beside the mail."""

    NONE = ""
    ACCOUNT = "account"  # the account cannot send any more
    RESTORED = "restored"  # the account can send again
    SENDER = "sender"  # the account does not take this sender


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened to one recipient of one attempt, or to the account."""

    kind: Kind
    name: str  # the vendor's own words, for instance Bounce/Permanent/General
    at: datetime  # by the vendor's clock
    attempt: str = ""  # our attempt's id, as the vendor returned it; empty: it returned none
    recipient: str = ""  # the address as the vendor writes it; empty: it names none
    certain: bool = True  # False: the vendor guesses the recipient, one of several
    bounce: Bounce = Bounce.NONE
    bot: bool = False  # opened or clicked by a machine
    not_spam: bool = False  # the recipient takes a complaint back
    list_name: str = ""  # the list that was left or joined; empty: all of them
    trouble: Trouble = Trouble.NONE
    code: str = ""  # the vendor's, or that of the recipient's server
    reason: str = ""  # for a person, in the words of the vendor or of the recipient's server
    message_id: str = ""  # the vendor's id of the mail
    distinction: str = ""  # URL, number of a try, type: what tells apart events that are alike in all else
    vendor_id: str = ""  # the vendor's id of the event; some change it when they repeat one
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as it came; a value of JSON


@dataclass(frozen=True, kw_only=True)
class Post:
    """One request of a vendor, as it came."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str]  # names in lower case
    url: str  # the one that the vendor was told to post to; Mandrill signs it
    at: datetime  # when it came


class Unbelieved(Exception):
    """A post is not believed. The message says why, without a word of the post itself."""


class Forged(Unbelieved):
    """It is proven not to be the vendor's: refuse it for ever."""


class CannotVerify(Unbelieved):
    """Whether it is the vendor's cannot be told now: the vendor must repeat it."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What a one-time token was signed for: the same token with another digest is a forgery."""

    token: str
    digest: str  # SHA-256 of what the token was seen with first, in hexadecimal


class Source(Protocol):
    """Where the events of one account come from. Pure but for a certificate that is fetched; thread-safe."""

    forged: ClassVar[int]  # the HTTP status that makes the vendor give up a forgery

    def verify(self, post: Post) -> None:
        """Raise Forged or CannotVerify unless the post is the vendor's."""

    def parse(self, post: Post) -> Sequence[Event]:
        """Return the events of a verified post. What cannot be read is an event of the kind `other`; raises nothing."""

    def binding(self, post: Post) -> Binding | None:
        """Return the token that must not come with another body, where the signature leaves the body out."""


def check_age(at: datetime, post: Post, *, oldest: timedelta) -> None:
    """Raise Forged if a signed moment is too long ago, or in the future: no vendor repeats for so long."""
    if post.at - at > oldest:
        raise Forged("Its signature is too old.")
    if at - post.at > AHEAD:
        raise Forged("Its signature is of the future.")


def read_json(body: bytes | str) -> Any:
    """Return a value of JSON that any database can store; raise ValueError for what cannot be read."""
    try:
        return json.loads(body, parse_constant=str, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def unread(post: Post, raw: Mapping[str, Any]) -> Event:
    """Return the event for what cannot be read, so that it is kept."""
    return Event(kind=Kind.OTHER, name="unreadable", at=post.at, raw=raw)


def in_base64(text: str) -> bytes:
    """Return what a signature says in Base64; raise Forged if it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Forged("Its signature is no Base64.") from error


def at_second(seconds: object) -> datetime:
    """Return a moment given in seconds since the epoch; raise ValueError if it is none."""
    try:
        return _plausible(datetime.fromtimestamp(float(str(seconds)), UTC))
    except (OverflowError, OSError) as error:
        raise ValueError("It is no moment.") from error


def at_moment(text: object) -> datetime:
    """Return a moment given by ISO 8601; raise ValueError if it is none."""
    moment = datetime.fromisoformat(str(text))
    return _plausible(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _plausible(moment: datetime) -> datetime:
    """Return it in UTC; raise ValueError so near the ends of time that nothing could be added to it."""
    if not 1970 <= moment.year < 3000:
        raise ValueError("No mail is of this year.")
    return moment.astimezone(UTC)


def words(value: object) -> str:
    """Return a vendor's value as a text; empty for none."""
    return "" if value is None else str(value)
