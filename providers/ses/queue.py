"""The queue in which the events of an SES account wait: read by long polling, deleted once they are on record.

A message that is not deleted is given again after its time, so a process that dies in between loses nothing.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.configuration import Entry
from providers.events import Event
from providers.ses import configure, events
from providers.ses.cloud import Cloud

MOST = 10  # messages of one call
LONGEST = 20  # seconds that a call waits for the first message
PARKED_AFTER = 5  # times that a message is received in vain

_VARIABLE = "AWS_SES_EVENTS_QUEUE_URL"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message that waits in the queue."""

    id: str
    body: str = field(repr=False)
    times: int  # how often it has been received, this time included
    handle: str = field(repr=False)  # by which this receiver may delete it

    def read(self) -> Sequence[Event]:
        """Return its events, in the envelope of SNS or without; raise Unreadable."""
        return events.queued(self.body.encode(errors="replace"))


class Queue:
    """One account's queue. Thread-safe, and each process has connections of its own."""

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured without a region."""
        self._url = entry.read(_VARIABLE)
        self._cloud = Cloud(configure.config(entry), attempts=2)  # whoever reads it tries again

    def receive(self, *, seconds: int = LONGEST) -> list[Waiting]:
        """Return up to ten messages, as soon as there is one; raise a ProviderError if AWS does not answer."""
        with self._cloud.asking("sqs:ReceiveMessage"):
            told = self._cloud.sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST,
                WaitTimeSeconds=seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Waiting(
                id=one["MessageId"],
                body=one["Body"],
                times=int(one.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
                handle=one["ReceiptHandle"],
            )
            for one in told.get("Messages", ())
        ]

    def delete(self, messages: Sequence[Waiting]) -> None:
        """Delete messages that are on record; one that is not deleted comes again, which does no harm."""
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": one.handle} for number, one in enumerate(messages)
            ]
            with self._cloud.asking("sqs:DeleteMessage"):
                self._cloud.sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def release(self, messages: Sequence[Waiting]) -> None:
        """Let other receivers have messages at once."""
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": one.handle, "VisibilityTimeout": 0}
                for number, one in enumerate(messages)
            ]
            with self._cloud.asking("sqs:ChangeMessageVisibility"):
                self._cloud.sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def length(self) -> int:
        """Return about how many messages wait."""
        with self._cloud.asking("sqs:GetQueueAttributes"):
            told = self._cloud.sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(told["Attributes"]["ApproximateNumberOfMessages"])


def is_configured(entry: Entry) -> bool:
    """Tell whether the events of an account come by a queue."""
    return bool(entry.read(_VARIABLE))
