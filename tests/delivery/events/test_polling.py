"""That events in a queue are recorded, then deleted there; that none is lost, and that none stays for ever."""

import json
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from delivery.events import polling, record
from delivery.models import ProviderEvent
from delivery.monitoring import readiness
from delivery.routing import configured
from delivery.workers import embedded
from tests import aws as amazon
from tests.aws import Aws
from tests.servers import eventually

ANN = "ann@example.org"


class Inbox:
    """The queue of an account, with the topic that fills it."""

    def __init__(self, aws: Aws) -> None:
        self.sqs, self.sns = aws.client("sqs"), aws.client("sns")
        unseen = {"VisibilityTimeout": "0"}  # what is not deleted comes again at once
        self.url = self.sqs.create_queue(QueueName="events", Attributes=unseen)["QueueUrl"]
        self.topic = self.sns.create_topic(Name="events")["TopicArn"]
        queue = f"arn:aws:sqs:{amazon.REGION}:{amazon.ACCOUNT}:events"
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=queue)

    def publish(self, *kinds: str) -> None:
        for kind in kinds:
            message = json.dumps(amazon.event(kind, str(uuid4()), ANN))
            self.sns.publish(TopicArn=self.topic, Message=message)

    def put(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def length(self) -> int:
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return int(told["ApproximateNumberOfMessages"]) + int(told["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def inbox(aws: Aws, settings: Any) -> Inbox:
    inbox = Inbox(aws)
    settings.GOMAIL_PROVIDERS = ("ses",)
    settings.PROVIDER_SECRETS = {**aws.variables(), "AWS_SES_EVENTS_QUEUE_URL": inbox.url}
    return inbox


def poller() -> polling.Poller:
    (one,) = polling.pollers()
    return one


def kinds() -> list[str]:
    return sorted(ProviderEvent.objects.values_list("kind", flat=True))


@pytest.mark.django_db
def test_what_waits_is_recorded_and_deleted(inbox: Inbox) -> None:
    inbox.publish("Send", "Delivery", "Bounce")
    assert poller().poll(seconds=0) == 3
    assert (kinds(), inbox.length()) == (["accepted", "bounced", "delivered"], 0)


@pytest.mark.django_db
def test_an_event_without_its_envelope_is_believed_as_well(inbox: Inbox) -> None:
    inbox.put(json.dumps(amazon.event("Delivery", str(uuid4()), ANN)))
    poller().poll(seconds=0)
    assert (kinds(), inbox.length()) == (["delivered"], 0)


@pytest.mark.django_db
def test_what_is_not_on_record_stays_in_the_queue(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the database is away")

    inbox.publish("Delivery")
    with monkeypatch.context() as patch:
        patch.setattr(record, "record", away)
        with pytest.raises(OperationalError):
            poller().poll(seconds=0)
    assert (kinds(), inbox.length()) == ([], 1)
    poller().poll(seconds=0)
    assert (kinds(), inbox.length()) == (["delivered"], 0)


@pytest.mark.django_db
def test_a_message_that_comes_again_is_the_same_event(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.publish("Delivery")
    with monkeypatch.context() as patch:
        patch.setattr(
            polling.Queue, "delete", lambda *_: None
        )  # as after kill -9 between commit and deletion
        poller().poll(seconds=0)
    poller().poll(seconds=0)
    assert (kinds(), inbox.length()) == (["delivered"], 0)


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["no JSON", "[]", '{"detail-type": "of another service"}', "[" * 5000])
def test_what_cannot_be_read_is_kept_after_five_times_and_holds_up_nothing(inbox: Inbox, body: str) -> None:
    inbox.put(body)
    inbox.publish("Delivery")
    for _ in range(4):
        poller().poll(seconds=0)
    assert (kinds(), inbox.length()) == (["delivered"], 1)
    poller().poll(seconds=0)
    kept = ProviderEvent.objects.get(kind="other")
    assert (kept.name, kept.raw["body"], inbox.length()) == ("unreadable", body, 0)


@pytest.mark.django_db
def test_a_message_that_cannot_be_recorded_holds_up_no_other(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = record.record

    def fails_at_bounces(account: str, events: Any) -> None:
        if any(event.kind == "bounced" for event in events):
            raise ValueError("a bug")
        real(account, events)

    monkeypatch.setattr(record, "record", fails_at_bounces)
    inbox.publish("Send", "Bounce", "Delivery")
    for _ in range(5):
        poller().poll(seconds=0)
    assert (kinds(), inbox.length()) == (["accepted", "delivered", "other"], 0)


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_was_stopped_leaves_what_comes_to_others(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, receive = threading.Event(), polling.Queue.receive

    def late(queue: polling.Queue, **_: Any) -> Any:
        stop.set()  # while it waits for messages
        return receive(queue, seconds=0)

    monkeypatch.setattr(polling.Queue, "receive", late)
    inbox.publish("Delivery")
    poller().run(stop)
    assert (kinds(), inbox.length()) == ([], 1)


@pytest.mark.django_db(transaction=True)
def test_a_reader_goes_on_when_amazon_comes_back(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, receive = [], polling.Queue.receive

    def comes_back(queue: polling.Queue, **_: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise polling.ProviderError("away")
        return receive(queue, seconds=0)

    monkeypatch.setattr(polling.Queue, "receive", comes_back)
    stop, one = threading.Event(), poller()
    inbox.publish("Delivery")
    thread = threading.Thread(target=one.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: kinds() == ["delivered"])
    finally:
        stop.set()
        thread.join()


def test_an_account_without_a_queue_is_not_read(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid", "eu=ses")
    settings.PROVIDER_SECRETS = {
        "AWS_SES_REGION": "eu-west-1",
        "EU_AWS_SES_EVENTS_QUEUE_URL": "http://127.0.0.1:9/q",
    }
    assert polling.pollers() == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_reads_the_queue_and_ends_at_once_while_it_waits_for_more(inbox: Inbox) -> None:
    stop = threading.Event()
    worker = threading.Thread(target=embedded.run, args=(stop,), kwargs={"threads": 1})
    worker.start()
    try:
        inbox.publish("Delivery")
        eventually(lambda: kinds() == ["delivered"])
        eventually(lambda: inbox.length() == 0)
    finally:
        stop.set()
        worker.join(10)  # the queue answers after 20 s
    assert not worker.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_worker_of_celery_reads_the_queue(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    celery_tasks = pytest.importorskip("delivery.workers.celery_tasks")
    monkeypatch.setattr(celery_tasks, "_ending", threading.Event())
    monkeypatch.setattr(celery_tasks, "_pollers", [])
    inbox.publish("Delivery")
    celery_tasks.read_events()
    try:
        eventually(lambda: kinds() == ["delivered"])
    finally:
        celery_tasks.stop_reading()


@pytest.mark.django_db
def test_a_readiness_check_tells_of_a_queue_that_cannot_be_read(inbox: Inbox) -> None:
    inbox.sqs.delete_queue(QueueUrl=inbox.url)
    (ses,) = configured.providers()
    assert any("Its events cannot be read" in said for said in readiness.check(ses, [])[1].warnings)


@pytest.mark.django_db
def test_a_readiness_check_tells_of_events_that_nobody_reads(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ses,) = configured.providers()
    inbox.publish("Send", "Delivery")
    assert not readiness.check(ses, [])[1].warnings
    monkeypatch.setattr(readiness, "_MANY_EVENTS", 2)
    assert "about 2 events wait in its queue" in readiness.check(ses, [])[1].warnings[0]
