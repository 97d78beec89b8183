"""The configuration set of SES whose mail is told of, and its event destination: which events go to which topic."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.connector import Step, Wish
from providers.ses import cloud
from providers.ses.cloud import Cloud

# OPEN and CLICK are left to the operator: with them SES rewrites the links of mails and adds an image.
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination.html
EVENTS = ("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE")

_Destination = Mapping[str, Any]


def ensure(aws: Cloud, wish: Wish, configuration_set: str, topic_arn: str) -> Iterator[Step]:
    """Yield the configuration set and its event destination; events that others have added stay."""
    found = _destinations(aws, configuration_set)
    yield wish.settle(
        f"the configuration set {configuration_set}",
        lambda: _make_set(aws, configuration_set),
        there=found is not None,
    )
    ours = _ours(found or (), topic_arn, wish.name)
    yield wish.settle(
        f"its event destination: {', '.join(EVENTS)} to the topic",
        lambda: _publish(aws, configuration_set, ours, wish.name, topic_arn),
        there=_is_whole(ours, topic_arn),
    )


def _ours(found: Sequence[_Destination], topic_arn: str, name: str) -> _Destination:
    """Return the destination that leads to the topic, or has our name; empty if there is none."""
    to_topic = (one for one in found if _topic(one) == topic_arn)
    return next(to_topic, None) or next((one for one in found if one.get("Name") == name), {})


def _is_whole(one: _Destination, topic_arn: str) -> bool:
    on = bool(one.get("Enabled")) and _topic(one) == topic_arn
    return on and set(EVENTS) <= {*(one.get("MatchingEventTypes") or ())}


def _topic(one: _Destination) -> str:
    return str((one.get("SnsDestination") or {}).get("TopicArn") or "")


def _destinations(aws: Cloud, configuration_set: str) -> Sequence[_Destination] | None:
    """Return the destinations of a configuration set; None if there is no such set."""
    try:
        with aws.asking("ses:GetConfigurationSetEventDestinations"):
            told = aws.ses.get_configuration_set_event_destinations(ConfigurationSetName=configuration_set)
    except cloud.Missing:
        return None
    return list(told.get("EventDestinations") or ())


def _make_set(aws: Cloud, configuration_set: str) -> None:
    with aws.asking("ses:CreateConfigurationSet"):
        aws.ses.create_configuration_set(ConfigurationSetName=configuration_set)


def _publish(aws: Cloud, configuration_set: str, ours: _Destination, name: str, topic_arn: str) -> None:
    more = [kind for kind in ours.get("MatchingEventTypes") or () if kind not in EVENTS]
    verb = "update" if ours else "create"
    with aws.asking(f"ses:{verb.capitalize()}ConfigurationSetEventDestination"):
        getattr(aws.ses, f"{verb}_configuration_set_event_destination")(
            ConfigurationSetName=configuration_set,
            EventDestinationName=ours.get("Name") or name,
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": [*EVENTS, *more],
                "SnsDestination": {"TopicArn": topic_arn},
            },
        )
