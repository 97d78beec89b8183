"""Connects the events of an SES account: configuration set, SNS topic, and a queue or a URL that gets them.

Calls and attributes: botocore/data, sts, sns, sqs and sesv2. SES publishes to topics of the standard type alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from providers.configuration import Entry, NotConfigured
from providers.connector import Step, Variable, Wish
from providers.message import Message
from providers.ses import cloud, configure, event_destination, event_queue, policies, topic
from providers.ses.adapter import SES
from providers.ses.cloud import Cloud

_TOPIC, _QUEUE, _SET = "AWS_SES_EVENTS_TOPIC_ARN", "AWS_SES_EVENTS_QUEUE_URL", "AWS_SES_CONFIGURATION_SET"
_QUESTION = "SubscriptionConfirmation"


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where things of the account are."""

    partition: str  # aws, aws-cn, aws-us-gov
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


class Connector:
    """Connects one account in one region."""

    takes_queue: ClassVar[bool] = True
    signs_url: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured without a region, or for a topic of SNS' other type."""
        self._entry, self._config = entry, configure.config(entry)
        if entry.read(_TOPIC).endswith(".fifo"):
            raise NotConfigured(
                f"{entry.variable(_TOPIC)} is a FIFO topic, and SES takes standard topics only."
            )
        self._cloud = Cloud(self._config, attempts=cloud.PATIENT)

    def connect(self, wish: Wish) -> Iterator[Step | Variable]:
        """Yield the topic, the configuration set, and the queue, or the subscription of the URL."""
        place, wanted = self._place(), self._set(wish)
        arn = self._topic(place, wish)
        source = place.arn("ses", f"configuration-set/{wanted}")
        statement = policies.for_topic(arn, account=place.account, configuration_set=source)
        yield from topic.ensure(self._cloud, wish, arn, statement)
        yield from event_destination.ensure(self._cloud, wish, wanted, arn)
        yield from self._url(wish, arn) if wish.url else self._queue(wish, arn, place)
        yield self._variable(_SET, wanted)

    def confirm(self, wish: Wish, posted: Iterable[Mapping[str, Any]]) -> bool:
        """Tell SNS that the posts are wanted, once its question has come: the token is in nothing else."""
        if not wish.url:
            return True
        arn = self._topic(self._place(), wish)
        asked = (post for post in posted if post.get("Type") == _QUESTION and post.get("TopicArn") == arn)
        if not topic.subscription(self._cloud, arn, "https", wish.url) and (post := next(asked, None)):
            topic.confirm(self._cloud, arn, str(post["Token"]))
        return bool(topic.subscription(self._cloud, arn, "https", wish.url))

    def test(self, wish: Wish, message: Message, attempt_id: str) -> bool:
        """Send a mail to Amazon's mailbox simulator, which takes it and delivers it to nobody."""
        account = SES(replace(self._config, configuration_set=self._set(wish)))
        try:
            account.rehearse(message, attempt_id)
        finally:
            account.close()
        return True

    def _place(self) -> _Place:
        with self._cloud.asking("sts:GetCallerIdentity"):
            told = self._cloud.sts.get_caller_identity()
        partition = str(told["Arn"]).split(":")[1]
        return _Place(partition=partition, region=self._cloud.region, account=str(told["Account"]))

    def _topic(self, place: _Place, wish: Wish) -> str:
        return next(iter(self._entry.words(_TOPIC)), "") or place.arn("sns", wish.name)

    def _set(self, wish: Wish) -> str:
        return self._config.configuration_set or wish.name

    def _queue(self, wish: Wish, arn: str, place: _Place) -> Iterator[Step | Variable]:
        name = self._entry.read(_QUEUE).rpartition("/")[2] or wish.name
        queue = place.arn("sqs", name)
        yield from event_queue.ensure(self._cloud, wish, name, topic_arn=arn, queue_arn=queue)
        if url := event_queue.find(self._cloud, name):
            yield self._variable(_QUEUE, self._entry.read(_QUEUE) or url)

    def _url(self, wish: Wish, arn: str) -> Iterator[Step | Variable]:
        """Subscribe the URL once our side knows the topic: a question of an unknown topic is not answered."""
        known = self._variable(_TOPIC, arn)
        yield known
        if not known.is_set and not wish.dry:
            return
        found = topic.subscription(self._cloud, arn, "https", wish.url)
        what = f"the subscription of {wish.url}"
        yield wish.settle(
            what, lambda: topic.subscribe(self._cloud, arn, "https", wish.url), there=bool(found)
        )
        if found and topic.is_raw(self._cloud, found):
            yield wish.settle(
                f"{what} with signatures", lambda: topic.envelop(self._cloud, found), there=False
            )

    def _variable(self, name: str, value: str) -> Variable:
        is_set = value in self._entry.words(name)
        return Variable(name=self._entry.variable(name), value=value, is_set=is_set)
