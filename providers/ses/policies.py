"""The policies of a topic and of a queue: who may write to them. What others have put there stays."""

import json
from collections.abc import Mapping
from typing import Any

Statement = dict[str, Any]


def for_topic(topic: str, *, account: str, configuration_set: str) -> Statement:
    """Return the statement by which SES may publish for one configuration set of the account."""
    return {
        "Sid": "gomail-ses",
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": account},
            "ArnEquals": {"AWS:SourceArn": configuration_set},
        },
    }


def for_queue(queue: str, *, topic: str) -> Statement:
    """Return the statement by which SNS may send what is published to one topic."""
    return {
        "Sid": "gomail-sns",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }


def allows(policy: str, statement: Statement) -> bool:
    """Tell whether a policy has the statement."""
    return any(holds(one, statement) for one in _statements(policy))


def extended(policy: str, statement: Statement) -> str:
    """Return the policy with the statement, instead of the one with its name."""
    others = [one for one in _statements(policy) if one.get("Sid") != statement["Sid"]]
    return json.dumps({"Version": "2012-10-17", "Statement": [*others, statement]})


def holds(found: Any, wanted: Any) -> bool:
    """Tell whether a value of JSON has all that is wanted; AWS adds fields, and writes some words otherwise."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            holds(_field(found, name), value) for name, value in wanted.items()
        )
    return str(found).casefold() == str(wanted).casefold()


def parsed(document: str) -> Any:
    """Return the value of a JSON document of AWS; empty for none."""
    try:
        return json.loads(document or "{}")
    except ValueError:
        return {}


def _field(found: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in found.items() if key.casefold() == name.casefold()), None)


def _statements(policy: str) -> list[Statement]:
    document = parsed(policy)
    found = document.get("Statement", []) if isinstance(document, dict) else []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
