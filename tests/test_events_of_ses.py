"""What SES tells while GoMail is away waits in the queue: workers that are killed and started again lose none of it."""

import re
import signal
from pathlib import Path

import pytest

from tests.aws import Aws
from tests.servers import Installation, eventually

pytestmark = [pytest.mark.processes, pytest.mark.slow]
MAILS = 25  # and twice as many events
UNSEEN = "2"  # seconds, instead of 120, until a message that was not deleted comes again


@pytest.fixture
def gomail(tmp_path: Path, aws: Aws) -> Installation:
    """GoMail whose events of SES are connected by the command, as its operator would."""
    variables = {**aws.variables(), **aws.environment(), "GOMAIL_PROVIDERS": "ses", "GOMAIL_TESTING": "true"}
    installation = Installation(tmp_path, variables)
    said = installation.manage("connect_events", "ses", "--queue", "--wait", "20")
    assert "It came, and is on record" in said
    installation.environment |= dict(re.findall(r"^  (AWS_\w+)=(\S+)$", said, re.MULTILINE))
    url = installation.environment["AWS_SES_EVENTS_QUEUE_URL"]
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": UNSEEN})
    return installation


def sent_and_told_while_away(gomail: Installation, aws: Aws) -> None:
    """Send mails, then let SES tell of them when nothing of GoMail is running."""
    aws.ses.late = []
    with gomail.serving():
        for number in range(MAILS):
            gomail.post(f"Mail {number}")
    assert aws.publish_late() == 2 * MAILS


def told_of(gomail: Installation) -> set[str]:
    return {email["recipients"][0]["status"] for email in gomail.emails()}


def left(gomail: Installation, aws: Aws) -> int:
    """Return how many messages are in the queue, also those that a reader has."""
    told = aws.client("sqs").get_queue_attributes(
        QueueUrl=gomail.environment["AWS_SES_EVENTS_QUEUE_URL"], AttributeNames=["All"]
    )["Attributes"]
    return sum(int(told[f"ApproximateNumberOfMessages{part}"]) for part in ("", "NotVisible"))


def events(gomail: Installation) -> int:
    question = "from delivery.models import ProviderEvent as P; print(P.objects.exclude(email=None).count())"
    return int(gomail.manage("shell", "-v0", "-c", question))


@pytest.mark.parametrize("first", ["worker", "server"])
def test_whoever_starts_first_nothing_is_lost(gomail: Installation, aws: Aws, first: str) -> None:
    sent_and_told_while_away(gomail, aws)
    if first == "worker":
        with gomail.running("manage.py", "worker"):
            eventually(lambda: left(gomail, aws) == 0)
        with gomail.serving():
            assert told_of(gomail) == {"delivered"}
    else:
        with gomail.serving(), gomail.running("manage.py", "worker"):
            eventually(lambda: told_of(gomail) == {"delivered"})
    assert events(gomail) == 2 * MAILS


def test_workers_that_die_between_commit_and_deletion_lose_and_double_nothing(
    gomail: Installation, aws: Aws
) -> None:
    sent_and_told_while_away(gomail, aws)
    gomail.environment["GOMAIL_FAILPOINTS"] = "after-events=1"
    for _ in range(3):
        with gomail.running("manage.py", "worker") as worker:
            eventually(lambda: worker.poll() == -signal.SIGKILL)
    assert left(gomail, aws) == 2 * MAILS
    gomail.environment["GOMAIL_FAILPOINTS"] = ""
    with gomail.running("manage.py", "worker"), gomail.running("manage.py", "worker"):
        eventually(lambda: left(gomail, aws) == 0)
    assert events(gomail) == 2 * MAILS
    with gomail.serving():
        assert told_of(gomail) == {"delivered"}
