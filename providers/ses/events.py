"""Events of Amazon SES, which come through SNS: over HTTP in a signed envelope, or by a queue.

Only what a configuration set publishes carries our tags; an identity's own notifications do not.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from providers import events
from providers.events import Binding, Bounce, CannotVerify, Event, Forged, Kind, Post
from providers.ses import sns
from providers.ses.certificates import Certificates
from providers.ses.sns import Envelope

_OLDEST = timedelta(minutes=70)  # SNS repeats for an hour, with the first signature
_READY = "Successfully validated SNS topic for Amazon SES event publishing."  # not JSON, and no event
Fields = Mapping[str, Any]


class Unreadable(ValueError):
    """A body of the queue is no message of SES."""


class Source:
    """Where the events of one account come from over HTTP."""

    forged: ClassVar[int] = 403

    def __init__(self, topics: Sequence[str], region: str, certificates: Certificates | None = None) -> None:
        """Take the ARNs of the topics that are believed, and the account's region."""
        self._topics = frozenset(topics)
        self._region = region
        self._certificates = certificates or Certificates()

    def verify(self, post: Post) -> None:
        """Raise Forged or CannotVerify unless one of our topics sent this, signed by SNS."""
        if not self._topics:
            raise CannotVerify("No topic is set.")
        try:
            envelope = sns.read(post.body)
        except ValueError as error:
            raise Forged("It is no envelope of SNS: raw delivery is not signed.") from error
        if envelope.topic not in self._topics or sns.region(envelope.topic) != self._region:
            raise Forged("Its topic is not ours.")
        if not envelope.text("Signature"):
            raise Forged("It has no signature.")
        url = envelope.text("SigningCertURL")
        sns.certificate_host(url, of_region=self._region)  # before anything is fetched
        sns.check(envelope, self._certificates.get(url), post)
        events.check_age(_moment(envelope), post, oldest=_OLDEST)

    def parse(self, post: Post) -> Sequence[Event]:
        """Return the events of a verified post. A confirmation of a subscription is kept for connect_events."""
        return _opened(sns.read(post.body), post)

    def binding(self, post: Post) -> Binding | None:
        """Return None: the signature covers the message."""
        return None


def queued(body: bytes) -> Sequence[Event]:
    """Return the events of a body from the queue, in an envelope or raw; raise Unreadable.

    Nothing is signed there: the queue's policy says who may write to it.
    """
    post = Post(body=body, headers={}, url="", at=datetime.now(UTC))
    try:
        fields = events.read_json(body)
        if isinstance(fields, dict) and "TopicArn" in fields:
            return _opened(sns.read(body), post)
    except ValueError as error:
        raise Unreadable("It is neither an envelope of SNS nor an event of SES.") from error
    if not isinstance(fields, dict) or "mail" not in fields:
        raise Unreadable("It is no event of SES.")
    return _message(fields, post)


def _moment(envelope: Envelope) -> datetime:
    try:
        return events.at_moment(envelope.text("Timestamp"))
    except ValueError as error:
        raise Forged("Its time cannot be read.") from error


def _opened(envelope: Envelope, post: Post) -> Sequence[Event]:
    if envelope.kind != sns.NOTIFICATION:
        return [Event(kind=Kind.OTHER, name=envelope.kind, at=post.at, raw=envelope.fields)]
    if envelope.text("Message").strip() == _READY:
        return []
    try:
        fields = events.read_json(envelope.text("Message"))
    except ValueError:
        return [events.unread(post, envelope.fields)]
    return _message(fields, post)


def _message(fields: Any, post: Post) -> Sequence[Event]:
    try:
        told = _Told(fields)
        return list(_KINDS[told.name](told)) if told.name in _KINDS else [told.event(Kind.OTHER)]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):  # whatever is not as documented
        return [events.unread(post, fields if isinstance(fields, dict) else {"message": fields})]


class _Told:
    """One message of SES."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.mail: Fields = fields["mail"]
        self.name = str(fields.get("eventType") or fields["notificationType"])

    def part(self, name: str) -> Fields:
        """Return the object that a kind of event has of its own."""
        found: Fields = self.fields[name]
        return found

    def everybody(self) -> Sequence[str]:
        """Return the recipients of the mail."""
        found: Sequence[str] = self.mail["destination"]
        return found

    def only(self) -> str:
        """Return the recipient where there is but one; of several, nobody knows which."""
        return self.everybody()[0] if len(self.everybody()) == 1 else ""

    def event(self, kind: Kind, recipient: object = "", **more: Any) -> Event:
        given = {
            "kind": kind,
            "name": self.name,
            "at": events.at_moment(self.mail["timestamp"]),
            "attempt": _tag(self.mail),
            "recipient": events.words(recipient),
            "message_id": str(self.mail["messageId"]),
            "raw": self.fields,
        }
        return Event(**{**given, **more})


def _tag(mail: Fields) -> str:
    return events.words(next(iter((mail.get("tags") or {}).get("gomail_attempt") or []), ""))


def _sent(told: _Told) -> Iterator[Event]:
    return (told.event(Kind.ACCEPTED, address) for address in told.everybody())


def _delivered(told: _Told) -> Iterator[Event]:
    part = told.part("delivery")
    at, reason = events.at_moment(part["timestamp"]), events.words(part.get("smtpResponse"))
    return (told.event(Kind.DELIVERED, address, at=at, reason=reason) for address in part["recipients"])


# By type and subtype; a type alone stands for its other subtypes. Undetermined is not held against the address.
_BOUNCES: Mapping[str, tuple[Kind, Bounce]] = MappingProxyType(
    {
        "Permanent": (Kind.BOUNCED, Bounce.HARD),
        "Permanent/Suppressed": (Kind.SUPPRESSED, Bounce.NONE),
        "Permanent/OnAccountSuppressionList": (Kind.SUPPRESSED, Bounce.NONE),
        "Permanent/UnsubscribedRecipient": (Kind.SUPPRESSED, Bounce.NONE),
    }
)
_SOFT = (Kind.BOUNCED, Bounce.SOFT)


def _bounced(told: _Told) -> Iterator[Event]:
    part = told.part("bounce")
    kind, name = str(part["bounceType"]), f"{part['bounceType']}/{part.get('bounceSubType')}"
    what, bounce = _BOUNCES.get(name) or _BOUNCES.get(kind, _SOFT)
    at = events.at_moment(part["timestamp"])
    for each in part["bouncedRecipients"]:
        yield told.event(
            what,
            each["emailAddress"],
            name=f"{told.name}/{name}",
            at=at,
            bounce=bounce,
            code=events.words(each.get("status")),
            reason=events.words(each.get("diagnosticCode")),
            vendor_id=events.words(part.get("feedbackId")),
        )


def _complained(told: _Told) -> Iterator[Event]:
    """Yield a complaint of each recipient that is named: all of a domain, where SES knows no better."""
    part = told.part("complaint")
    listed = part.get("complaintSubType") == "OnAccountSuppressionList"
    feedback = events.words(part.get("complaintFeedbackType"))
    named = part["complainedRecipients"]
    for each in named:
        yield told.event(
            Kind.SUPPRESSED if listed else Kind.COMPLAINED,
            each["emailAddress"],
            name="/".join(filter(None, [told.name, part.get("complaintSubType"), feedback])),
            at=events.at_moment(part["timestamp"]),
            certain=len(named) == 1,
            not_spam=feedback == "not-spam",
            code=feedback,
            distinction=feedback if feedback == "not-spam" else "",
            vendor_id=events.words(part.get("feedbackId")),
        )


def _rejected(told: _Told) -> Iterator[Event]:
    part: Fields = told.fields.get("reject") or told.fields.get("failure") or {}
    reason = events.words(part.get("reason") or part.get("errorMessage"))
    return (told.event(Kind.REJECTED, address, reason=reason) for address in told.everybody())


def _deferred(told: _Told) -> Iterator[Event]:
    part = told.part("deliveryDelay")
    for each in part["delayedRecipients"]:
        yield told.event(
            Kind.DEFERRED,
            each["emailAddress"],
            name=f"{told.name}/{part.get('delayType')}",
            at=events.at_moment(part["timestamp"]),
            code=events.words(each.get("status")),
            reason=events.words(each.get("diagnosticCode")),
        )


def _opened_by(told: _Told) -> Iterator[Event]:
    part = told.part("open")
    yield told.event(Kind.OPENED, told.only(), at=events.at_moment(part["timestamp"]))


def _clicked(told: _Told) -> Iterator[Event]:
    part = told.part("click")
    at = events.at_moment(part["timestamp"])
    yield told.event(Kind.CLICKED, told.only(), at=at, distinction=events.words(part.get("link")))


def _subscribed(told: _Told) -> Iterator[Event]:
    """Yield what was left or joined: all, or single topics of the contact list."""
    part = told.part("subscription")
    at, topics = events.at_moment(part["timestamp"]), part["newTopicPreferences"]
    if topics.get("unsubscribeAll"):
        yield told.event(Kind.UNSUBSCRIBED, told.only(), at=at)
        return
    for topic in topics.get("topicSubscriptionStatus") or []:
        left = topic["subscriptionStatus"] == "OptOut"
        kind, name = Kind.UNSUBSCRIBED if left else Kind.RESUBSCRIBED, str(topic["topicName"])
        yield told.event(kind, told.only(), at=at, list_name=name, distinction=name)


_KINDS: Mapping[str, Callable[[_Told], Iterator[Event]]] = MappingProxyType(
    {
        "Send": _sent,
        "Delivery": _delivered,
        "Bounce": _bounced,
        "Complaint": _complained,
        "Reject": _rejected,
        "Rendering Failure": _rejected,
        "DeliveryDelay": _deferred,
        "Open": _opened_by,
        "Click": _clicked,
        "Subscription": _subscribed,
    }
)
