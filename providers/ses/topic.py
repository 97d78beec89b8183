"""The SNS topic that SES publishes events to, and what is subscribed to it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from providers.connector import Step, Wish
from providers.ses import cloud, policies
from providers.ses.cloud import Cloud
from providers.ses.policies import Statement

# For posts over HTTP: every minute, for as long as SNS tries at all, which is an hour.
# https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html
_REPEATS: Mapping[str, Any] = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 60,
            "maxDelayTarget": 60,
            "numRetries": 59,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "numMaxDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
    }
}
_PENDING = "PendingConfirmation"


def ensure(aws: Cloud, wish: Wish, arn: str, statement: Statement) -> Iterator[Step]:
    """Yield the topic, its signature, its repeats, and the statement by which SES may publish."""
    found = _attributes(aws, arn)
    yield wish.settle(f"the topic {arn}", lambda: _make(aws, arn), there=bool(found))
    found = found or ({} if wish.dry else _attributes(aws, arn))
    yield wish.settle(
        "the topic's signatures by SHA-256",
        lambda: _set(aws, arn, "SignatureVersion", "2"),
        there=found.get("SignatureVersion") == "2",
    )
    yield wish.settle(
        "the topic's repeats, each minute for an hour",
        lambda: _set(aws, arn, "DeliveryPolicy", json.dumps(_REPEATS)),
        there=policies.holds(policies.parsed(found.get("DeliveryPolicy", "")), _REPEATS),
    )
    policy = found.get("Policy", "")
    yield wish.settle(
        "the topic's policy: SES may publish for the configuration set",
        lambda: _set(aws, arn, "Policy", policies.extended(policy, statement)),
        there=policies.allows(policy, statement),
    )


def subscription(aws: Cloud, arn: str, protocol: str, endpoint: str) -> str:
    """Return the ARN of a subscription; empty if there is none, or it is not confirmed."""
    try:
        with aws.asking("sns:ListSubscriptionsByTopic"):
            pages = aws.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
            found = [one for page in pages for one in page["Subscriptions"]]
    except cloud.Missing:
        return ""
    ours = (one for one in found if (one["Protocol"], one["Endpoint"]) == (protocol, endpoint))
    return next((str(one["SubscriptionArn"]) for one in ours if one["SubscriptionArn"] != _PENDING), "")


def subscribe(aws: Cloud, arn: str, protocol: str, endpoint: str) -> None:
    """Subscribe; a URL is asked by SNS for confirmation, also if it has been asked before."""
    with aws.asking("sns:Subscribe"):
        aws.sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint, ReturnSubscriptionArn=True)


def is_raw(aws: Cloud, subscription_arn: str) -> bool:
    """Tell whether messages come without their envelope, and so without a signature."""
    with aws.asking("sns:GetSubscriptionAttributes"):
        told = aws.sns.get_subscription_attributes(SubscriptionArn=subscription_arn)["Attributes"]
    return str(told.get("RawMessageDelivery")).lower() == "true"


def envelop(aws: Cloud, subscription_arn: str) -> None:
    """Let messages come in their envelope."""
    with aws.asking("sns:SetSubscriptionAttributes"):
        aws.sns.set_subscription_attributes(
            SubscriptionArn=subscription_arn, AttributeName="RawMessageDelivery", AttributeValue="false"
        )


def confirm(aws: Cloud, arn: str, token: str) -> None:
    """Confirm a subscription, so that only the account's owner can end it."""
    with aws.asking("sns:ConfirmSubscription"):
        aws.sns.confirm_subscription(TopicArn=arn, Token=token, AuthenticateOnUnsubscribe="true")


def _attributes(aws: Cloud, arn: str) -> dict[str, str]:
    """Return the attributes of a topic; empty if there is no such topic."""
    try:
        with aws.asking("sns:GetTopicAttributes"):
            return dict(aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"])
    except cloud.Missing:
        return {}


def _make(aws: Cloud, arn: str) -> None:
    with aws.asking("sns:CreateTopic"):
        aws.sns.create_topic(Name=arn.rpartition(":")[2])


def _set(aws: Cloud, arn: str, name: str, value: str) -> None:
    with aws.asking("sns:SetTopicAttributes"):
        aws.sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
