"""The SQS queue that the events of SES wait in: made, kept for two weeks, and open to the topic alone."""

from collections.abc import Iterator, Mapping

from providers.connector import Step, Wish
from providers.ses import cloud, policies, topic
from providers.ses.cloud import Cloud

_TWO_WEEKS = 14 * 24 * 3600  # seconds; SQS keeps no message for longer
_LONG_POLL = 20  # seconds; SQS waits no longer
_UNSEEN = 120  # seconds in which a received message is not given to another reader
_NUMBERS: Mapping[str, int] = {
    "MessageRetentionPeriod": _TWO_WEEKS,
    "ReceiveMessageWaitTimeSeconds": _LONG_POLL,
    "VisibilityTimeout": _UNSEEN,
}


def ensure(aws: Cloud, wish: Wish, name: str, *, topic_arn: str, queue_arn: str) -> Iterator[Step]:
    """Yield the queue, its times, the statement by which the topic may send to it, and its subscription."""
    url = find(aws, name)
    yield wish.settle(f"the queue {name}", lambda: _make(aws, name), there=bool(url))
    url = url or ("" if wish.dry else find(aws, name))
    found = _attributes(aws, url) if url else {}
    yield wish.settle(
        "the queue's times: messages are kept for two weeks",
        lambda: _set(aws, url, {key: str(number) for key, number in _NUMBERS.items()}),
        there=all(int(found.get(key, 0)) >= number for key, number in _NUMBERS.items()),
    )
    policy, statement = found.get("Policy", ""), policies.for_queue(queue_arn, topic=topic_arn)
    yield wish.settle(
        "the queue's policy: the topic may send to it",
        lambda: _set(aws, url, {"Policy": policies.extended(policy, statement)}),
        there=policies.allows(policy, statement),
    )
    yield wish.settle(
        "the queue's subscription to the topic",
        lambda: topic.subscribe(aws, topic_arn, "sqs", queue_arn),
        there=bool(topic.subscription(aws, topic_arn, "sqs", queue_arn)),
    )


def find(aws: Cloud, name: str) -> str:
    """Return the URL of a queue; empty if there is none."""
    try:
        with aws.asking("sqs:GetQueueUrl"):
            return str(aws.sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except cloud.Missing:
        return ""


def _make(aws: Cloud, name: str) -> None:
    with aws.asking("sqs:CreateQueue"):
        aws.sqs.create_queue(
            QueueName=name, Attributes={key: str(number) for key, number in _NUMBERS.items()}
        )


def _attributes(aws: Cloud, url: str) -> dict[str, str]:
    with aws.asking("sqs:GetQueueAttributes"):
        told = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*_NUMBERS, "Policy"])
    return dict(told.get("Attributes", {}))


def _set(aws: Cloud, url: str, attributes: Mapping[str, str]) -> None:
    with aws.asking("sqs:SetQueueAttributes"):
        aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=dict(attributes))
