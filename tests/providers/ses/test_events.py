"""Events of SES are believed if SNS has signed them for our topic, and read into our words."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from providers.events import Bounce, CannotVerify, Event, Forged, Kind
from providers.ses import events
from providers.ses.certificates import Certificates
from providers.ses.events import Source
from tests import tellers
from tests.providers.fault_server import FaultServer, answer
from tests.providers.posts import post
from tests.tellers import SES, Said

TELLER = SES()
LISTED = "OnAccountSuppressionList"
ATTEMPT = "0190a1b2-0000-7000-8000-000000000001"


class Kept(Certificates):
    """A fetch that has been made."""

    def __init__(self, certificate: Any = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._certificate = certificate or tellers.certificate()

    def get(self, url: str) -> Any:
        self.asked.append(url)
        return self._certificate


def verify(said: Said, *, certificate: Any = None, topics: tuple[str, ...] = (SES.TOPIC,)) -> None:
    Source(topics, "eu-west-1", Kept(certificate)).verify(post(said))


def enveloped(message: Any, **changes: str) -> Said:
    return Said(body=json.dumps(TELLER.envelope(message, **changes)).encode())


def parsed(message: Any) -> list[Event]:
    return list(Source((SES.TOPIC,), "eu-west-1").parse(post(enveloped(message))))


def told(kind: str, **part: Any) -> list[Event]:
    name = kind[0].lower() + kind[1:]
    message = TELLER.message(ATTEMPT, kind)
    message[name] = {**message.pop(kind.lower()), **part}
    return parsed(message)


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_believed(version: str) -> None:
    verify(enveloped({}, version=version))


def test_a_subject_is_signed_as_well() -> None:
    verify(enveloped({}, Subject="Amazon SES Email Event Notification"))
    envelope = TELLER.envelope({}, Subject="a")
    with pytest.raises(Forged):
        verify(Said(body=json.dumps({**envelope, "Subject": "b"}).encode()))


def test_a_message_that_moto_has_signed_is_believed() -> None:
    """An independent signer; its certificate is self-made as ours is."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.sns.models import Subscription, sns_backends

    backend = sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    topic = backend.create_topic("events")
    said = Subscription(DEFAULT_ACCOUNT_ID, topic, "http://127.0.0.1", "http").get_post_data(
        "{}", "m-1", None
    )
    pem = backend._message_public_keys[said["SigningCertURL"].rpartition("/")[2]]
    certificate = tellers.x509.load_pem_x509_certificate(pem)
    verify(Said(body=json.dumps(said).encode()), certificate=certificate, topics=(topic.arn,))
    backend.reset()


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/evil/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem\n",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_a_forgery_and_is_not_fetched(url: str) -> None:
    certificates = Kept()
    with pytest.raises(Forged):
        Source((SES.TOPIC,), "eu-west-1", certificates).verify(post(enveloped({}, SigningCertURL=url)))
    assert certificates.asked == []


@pytest.mark.parametrize("host", ["sns.us-east-1.amazonaws.com", "evil.example"])
def test_a_certificate_for_another_host_is_a_forgery(host: str) -> None:
    with pytest.raises(Forged):
        verify(enveloped({}), certificate=tellers.certificate("sns", host))


def test_a_topic_of_somebody_elses_is_a_forgery_however_well_it_is_signed() -> None:
    with pytest.raises(Forged):
        verify(enveloped({}, TopicArn="arn:aws:sns:eu-west-1:999999999999:gomail"))


def test_a_version_that_is_not_known_cannot_be_verified() -> None:
    with pytest.raises(CannotVerify):
        verify(enveloped({}, version="3"))


def test_without_a_topic_nothing_can_be_verified() -> None:
    with pytest.raises(CannotVerify):
        verify(enveloped({}), topics=())


def test_made_up_certificates_hold_up_nobody() -> None:
    with FaultServer() as server:
        server.default = answer(404, {})
        certificates = Certificates()
        for number in range(9):
            with pytest.raises(CannotVerify):
                certificates.get(f"{server.url}/SimpleNotificationService-{number}.pem")
        assert len(server.received) == 1


def test_a_certificate_is_fetched_once_and_a_failure_is_not_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr("providers.ses.certificates._PAUSE", 0.0)
    pem = tellers.certificate().public_bytes(tellers.serialization.Encoding.PEM)
    with FaultServer() as server:
        server.script(answer(503, {}), answer(200, pem))
        certificates, url = Certificates(), f"{server.url}/SimpleNotificationService-1.pem"
        with pytest.raises(CannotVerify):
            certificates.get(url)
        assert certificates.get(url) == certificates.get(url) == tellers.certificate()
        assert len(server.received) == 2


@pytest.mark.parametrize(
    ("kind", "part", "becomes", "bounce"),
    [
        ("Send", {}, Kind.ACCEPTED, Bounce.NONE),
        ("Delivery", {}, Kind.DELIVERED, Bounce.NONE),
        ("Bounce", {"bounceType": "Permanent", "bounceSubType": "General"}, Kind.BOUNCED, Bounce.HARD),
        ("Bounce", {"bounceType": "Transient", "bounceSubType": "MailboxFull"}, Kind.BOUNCED, Bounce.SOFT),
        ("Bounce", {"bounceType": "Undetermined", "bounceSubType": "Undetermined"}, Kind.BOUNCED, Bounce.SOFT),
        ("Bounce", {"bounceType": "Permanent", "bounceSubType": "Suppressed"}, Kind.SUPPRESSED, Bounce.NONE),
        ("Bounce", {"bounceType": "Permanent", "bounceSubType": LISTED}, Kind.SUPPRESSED, Bounce.NONE),
        ("Complaint", {"complaintFeedbackType": "abuse"}, Kind.COMPLAINED, Bounce.NONE),
        ("Complaint", {"complaintSubType": LISTED}, Kind.SUPPRESSED, Bounce.NONE),
        ("Reject", {"reason": "Bad content"}, Kind.REJECTED, Bounce.NONE),
        ("Rendering Failure", {}, Kind.REJECTED, Bounce.NONE),
        ("DeliveryDelay", {"delayType": "MailboxFull"}, Kind.DEFERRED, Bounce.NONE),
        ("Open", {}, Kind.OPENED, Bounce.NONE),
        ("Click", {"link": "https://example.org"}, Kind.CLICKED, Bounce.NONE),
        ("Subscription", {"newTopicPreferences": {"unsubscribeAll": True}}, Kind.UNSUBSCRIBED, Bounce.NONE),
        ("Renamed", {}, Kind.OTHER, Bounce.NONE),
    ],
)  # fmt: skip
def test_each_kind_has_its_word(kind: str, part: dict[str, Any], becomes: Kind, bounce: Bounce) -> None:
    named = [{"emailAddress": tellers.ADDRESS, "status": "5.1.1", "diagnosticCode": "550 no"}]
    lists = dict.fromkeys(("bouncedRecipients", "complainedRecipients", "delayedRecipients"), named)
    (event,) = told(kind, **lists, **part)
    assert (event.kind, event.bounce, event.attempt) == (becomes, bounce, ATTEMPT)
    assert event.recipient == ("" if becomes is Kind.OTHER else tellers.ADDRESS)


def test_a_complaint_that_names_several_is_a_guess() -> None:
    named = [{"emailAddress": "ann@example.org"}, {"emailAddress": "bob@example.org"}]
    assert [event.certain for event in told("Complaint", complainedRecipients=named)] == [False, False]


def test_a_complaint_may_be_taken_back() -> None:
    named = [{"emailAddress": "ann@example.org"}]
    (event,) = told("Complaint", complainedRecipients=named, complaintFeedbackType="not-spam")
    assert event.not_spam


def test_an_identitys_own_notification_has_no_tags() -> None:
    message = TELLER.message(ATTEMPT)
    message["notificationType"] = message.pop("eventType")
    del message["mail"]["tags"]
    assert [(event.kind, event.attempt) for event in parsed(message)] == [(Kind.DELIVERED, "")]


def test_what_says_that_the_topic_is_ready_is_no_event() -> None:
    assert parsed("Successfully validated SNS topic for Amazon SES event publishing.") == []


@pytest.mark.parametrize(
    "message", ["", "null", "[]", "{}", '{"mail": 5}', '{"mail": {}, "eventType": "Send"}', "1e999"]
)
def test_what_cannot_be_read_is_kept(message: str) -> None:
    assert [event.kind for event in parsed(message)] == [Kind.OTHER]


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T00:00:00Z"]
)
def test_what_is_of_no_time_that_can_be_reckoned_with_is_kept(at: str) -> None:
    assert [event.kind for event in told("Delivery", timestamp=at)] == [Kind.OTHER]


@pytest.mark.parametrize("address", [None, 5, [], {"emailAddress": "bob@example.org"}])
def test_an_address_is_a_text_whatever_came(address: object) -> None:
    assert [type(event.recipient) for event in told("Delivery", recipients=[address])] == [str]


def test_a_confirmation_is_kept_with_its_token() -> None:
    said = enveloped(
        "You have chosen", Type="SubscriptionConfirmation", Token="t", SubscribeURL="https://x.example"
    )
    verify(said)
    (event,) = Source((SES.TOPIC,), "eu-west-1").parse(post(said))
    assert (event.kind, event.name, event.raw["Token"]) == (Kind.OTHER, "SubscriptionConfirmation", "t")


def test_the_queue_takes_envelopes_and_raw_events() -> None:
    message = TELLER.message(ATTEMPT)
    for body in (TELLER.envelope(message), message):
        assert [event.attempt for event in events.queued(json.dumps(body).encode())] == [ATTEMPT]


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"TopicArn": 1}'])
def test_the_queue_says_what_it_cannot_read(body: bytes) -> None:
    with pytest.raises(events.Unreadable):
        events.queued(body)


def test_a_burst_waits_for_the_first_certificate() -> None:
    pem = tellers.certificate().public_bytes(tellers.serialization.Encoding.PEM)
    with FaultServer() as server, ThreadPoolExecutor(8) as pool:
        server.default = answer(200, pem, wait=0.3)
        certificates, url = Certificates(), f"{server.url}/SimpleNotificationService-1.pem"
        found = [pool.submit(certificates.get, url) for _ in range(8)]
        assert {each.result() for each in found} == {tellers.certificate()}
        assert len(server.received) == 1
