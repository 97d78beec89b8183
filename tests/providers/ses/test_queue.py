"""That the queue of events is read in tens, and that a message stays until it is deleted."""

import json

import pytest

from providers.configuration import Entry
from providers.errors import AccountProblem
from providers.ses import queue
from tests.aws import TOPIC, event
from tests.providers.letters import ATTEMPT

SENT = json.dumps(event("Send", ATTEMPT, "ann@example.org"))
ENVELOPE = json.dumps({"Type": "Notification", "TopicArn": TOPIC, "Message": SENT})


@pytest.fixture
def sqs(aws):
    return aws.client("sqs")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName="events", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]


@pytest.fixture
def read(aws, url):
    return queue.Queue(
        Entry(name="ses", type="ses", settings={**aws.variables(), "AWS_SES_EVENTS_QUEUE_URL": url})
    )


def test_ten_at_most_come_at_a_time(sqs, url, read):
    for _ in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=ENVELOPE)
    first = read.receive(seconds=0)
    read.delete(first)
    second = read.receive(seconds=0)
    assert (len(first), len(second)) == (10, 2)


def test_a_message_that_is_not_deleted_comes_again_and_is_counted(sqs, url, read):
    sqs.send_message(QueueUrl=url, MessageBody=ENVELOPE)
    assert [read.receive(seconds=0)[0].times for _ in range(3)] == [1, 2, 3]
    read.delete(read.receive(seconds=0))
    assert (read.receive(seconds=0), read.length()) == ([], 0)


def test_a_message_that_is_released_comes_to_the_next_at_once(sqs, url, read):
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "120"})
    sqs.send_message(QueueUrl=url, MessageBody=ENVELOPE)
    taken = read.receive(seconds=0)
    assert read.receive(seconds=0) == []
    read.release(taken)
    assert [one.id for one in read.receive(seconds=0)] == [one.id for one in taken]


def test_what_it_holds_is_read_as_events(sqs, url, read):
    sqs.send_message(QueueUrl=url, MessageBody=ENVELOPE)
    ((event,),) = (one.read() for one in read.receive(seconds=0))
    assert (event.kind, event.attempt, event.recipient) == ("accepted", ATTEMPT, "ann@example.org")


def test_a_queue_that_is_gone_is_named(aws, sqs, url, read):
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(AccountProblem):
        read.receive(seconds=0)
