"""That the events of an SES account are connected by calls that may be repeated, and that others' settings stay."""

import json

import pytest

from providers.configuration import Entry, NotConfigured
from providers.connector import State, Step, Variable, Wish
from providers.errors import AccountProblem, Unavailable
from providers.ses import cloud, connect, event_destination, topic
from tests import aws as amazon
from tests.providers.letters import ATTEMPT, letter

NAME = "gomail-events-ses"
URL = "https://mail.example.org/api/v1/email-service/events/ses/"
FORGOTTEN = "the topic's signatures by SHA-256"  # moto does not keep it


@pytest.fixture
def connector(aws):
    def build(**variables):
        entry = Entry(name="ses", type="ses", settings={**aws.variables(), **variables})
        return connect.Connector(entry)

    return build


def steps(connector, **wish):
    return list(connector.connect(Wish(**{"name": NAME, **wish})))


def states(found):
    told = {step.what: step.state for step in found if isinstance(step, Step)}
    assert told.pop(FORGOTTEN, None) is not State.THERE
    return set(told.values())


def variables(found):
    return {one.name: (one.value, one.is_set) for one in found if isinstance(one, Variable)}


def test_a_queue_is_made_and_named(aws, connector):
    found = steps(connector())
    assert states(found) == {State.DONE, State.THERE}  # a queue is made with its times
    url = aws.client("sqs").get_queue_url(QueueName=NAME)["QueueUrl"]
    assert variables(found) == {
        "AWS_SES_EVENTS_QUEUE_URL": (url, False),
        "AWS_SES_CONFIGURATION_SET": (NAME, False),
    }


def test_the_second_time_everything_is_there(aws, connector):
    url = dict(variables(steps(connector())))["AWS_SES_EVENTS_QUEUE_URL"][0]
    aws.ses.changes.clear()
    found = steps(connector(AWS_SES_EVENTS_QUEUE_URL=url, AWS_SES_CONFIGURATION_SET=NAME))
    assert states(found) == {State.THERE}
    assert aws.ses.changes == []
    assert all(is_set for _, is_set in variables(found).values())


def test_a_dry_run_changes_nothing(aws, connector):
    assert states(steps(connector(), dry=True)) == {State.MISSING}
    assert aws.ses.changes == []
    assert aws.client("sns").list_topics()["Topics"] == []
    assert aws.client("sqs").list_queues().get("QueueUrls") is None


def test_a_mail_to_the_simulator_comes_back_by_the_queue(aws, connector):
    made = connector()
    url = dict(variables(steps(made)))["AWS_SES_EVENTS_QUEUE_URL"][0]
    assert made.test(Wish(name=NAME), letter(), ATTEMPT)
    messages = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    told = [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
    assert {one["eventType"] for one in told} == {"Send", "Delivery"}
    assert {one["mail"]["tags"]["gomail_attempt"][0] for one in told} == {ATTEMPT}
    assert aws.ses.mails[0]["Destination"]["ToAddresses"][0].endswith("@simulator.amazonses.com")


def test_the_queue_keeps_messages_for_two_weeks_and_is_open_to_the_topic_alone(aws, connector):
    steps(connector())
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=NAME)["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    (statement,) = json.loads(told["Policy"])["Statement"]
    assert told["MessageRetentionPeriod"] == "1209600"
    assert (statement["Principal"], statement["Action"], statement["Condition"]) == (
        {"Service": "sns.amazonaws.com"}, "sqs:SendMessage", {"ArnEquals": {"aws:SourceArn": amazon.TOPIC}},
    )  # fmt: skip


def test_ses_may_publish_for_this_configuration_set_of_this_account_and_no_other(aws, connector):
    steps(connector(AWS_SES_CONFIGURATION_SET="shop"))
    told = aws.client("sns").get_topic_attributes(TopicArn=amazon.TOPIC)["Attributes"]
    statement = next(one for one in json.loads(told["Policy"])["Statement"] if one["Sid"] == "gomail-ses")
    assert statement["Condition"] == {
        "StringEquals": {"AWS:SourceAccount": amazon.ACCOUNT},
        "ArnEquals": {"AWS:SourceArn": f"arn:aws:ses:eu-west-1:{amazon.ACCOUNT}:configuration-set/shop"},
    }


def test_what_others_have_put_into_the_topics_policy_stays(aws, connector):
    sns = aws.client("sns")
    sns.create_topic(Name=NAME)
    theirs = {"Sid": "theirs", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SNS:Subscribe",
              "Resource": amazon.TOPIC}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    sns.set_topic_attributes(TopicArn=amazon.TOPIC, AttributeName="Policy", AttributeValue=policy)
    steps(connector())
    told = sns.get_topic_attributes(TopicArn=amazon.TOPIC)["Attributes"]
    assert [one["Sid"] for one in json.loads(told["Policy"])["Statement"]] == ["theirs", "gomail-ses"]


def test_a_destination_that_was_switched_off_or_made_smaller_is_mended_and_keeps_what_was_added(
    aws, connector
):
    steps(connector())
    (destination,) = aws.ses.sets[NAME].values()
    destination |= {"Enabled": False, "MatchingEventTypes": ["BOUNCE", "OPEN"]}
    steps(connector())
    (mended,) = aws.ses.sets[NAME].values()
    assert mended["Enabled"]
    assert set(mended["MatchingEventTypes"]) == {*event_destination.EVENTS, "OPEN"}


def test_no_event_is_asked_for_by_which_ses_would_change_the_mail():
    assert not {"OPEN", "CLICK"} & set(event_destination.EVENTS)


def test_a_url_is_not_subscribed_before_our_side_knows_the_topic(aws, connector):
    found = steps(connector(), url=URL)
    assert variables(found)["AWS_SES_EVENTS_TOPIC_ARN"] == (amazon.TOPIC, False)
    assert aws.client("sns").list_subscriptions()["Subscriptions"] == []


def test_a_url_is_subscribed_once_our_side_knows_the_topic(aws, connector):
    known = {"AWS_SES_EVENTS_TOPIC_ARN": amazon.TOPIC}
    steps(connector(**known), url=URL)
    (subscribed,) = aws.client("sns").list_subscriptions()["Subscriptions"]
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("https", URL)
    assert states(steps(connector(**known), url=URL)) == {State.THERE}


def question(token, topic_arn=amazon.TOPIC):
    return {"Type": "SubscriptionConfirmation", "TopicArn": topic_arn, "Token": token}


def test_snss_question_is_answered_with_its_token_and_asks_nobody_else(connector, monkeypatch):
    made, asked, subscribed = connector(AWS_SES_EVENTS_TOPIC_ARN=amazon.TOPIC), [], iter(["", "its-arn"])
    monkeypatch.setattr(topic, "subscription", lambda *_: next(subscribed))
    monkeypatch.setattr(topic, "confirm", lambda aws, arn, token: asked.append((arn, token)))
    posted = [
        question("theirs", f"{amazon.TOPIC}-2"),
        {"eventType": "Send"},
        question("ours"),
        question("older"),
    ]
    assert made.confirm(Wish(name=NAME, url=URL), posted)
    assert asked == [(amazon.TOPIC, "ours")]


def test_without_a_question_the_subscription_waits(connector, monkeypatch):
    monkeypatch.setattr(topic, "subscription", lambda *_: "")
    assert not connector(AWS_SES_EVENTS_TOPIC_ARN=amazon.TOPIC).confirm(Wish(name=NAME, url=URL), [])


def test_a_confirmed_subscription_can_be_ended_by_its_owner_only(aws, connector):
    aws.client("sns").create_topic(Name=NAME)
    made, asked = connector(), []
    made._cloud.sns.meta.events.register(
        "provide-client-params.sns.ConfirmSubscription", lambda params, **_: asked.append(params)
    )
    topic.confirm(made._cloud, amazon.TOPIC, "token")
    assert asked == [{"TopicArn": amazon.TOPIC, "Token": "token", "AuthenticateOnUnsubscribe": "true"}]


def test_a_subscription_without_envelopes_is_mended(aws, connector):
    sns = aws.client("sns")
    sns.create_topic(Name=NAME)
    raw = {"RawMessageDelivery": "true"}
    arn = sns.subscribe(TopicArn=amazon.TOPIC, Protocol="https", Endpoint=URL, Attributes=raw)[
        "SubscriptionArn"
    ]
    steps(connector(AWS_SES_EVENTS_TOPIC_ARN=amazon.TOPIC), url=URL)
    told = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert told["RawMessageDelivery"] == "false"


def test_a_fifo_topic_is_refused_before_anything_is_asked(connector):
    with pytest.raises(NotConfigured, match="FIFO"):
        connector(AWS_SES_EVENTS_TOPIC_ARN=f"{amazon.TOPIC}.fifo")


def test_a_missing_permission_is_named(aws, connector):
    aws.ses.refusal = (403, "AccessDeniedException")
    with pytest.raises(AccountProblem, match="allow ses:GetConfigurationSetEventDestinations for this key"):
        steps(connector())


def test_amazon_away_is_told_apart_from_a_refusal(connector, monkeypatch):
    monkeypatch.setattr(cloud, "PATIENT", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="sts:GetCallerIdentity"):
        steps(connector())
