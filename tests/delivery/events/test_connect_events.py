"""manage.py connect_events: from nothing to a test event on record, and every obstacle in words for a person."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from delivery.models import ProviderEvent
from delivery.routing import configured
from providers import registry
from providers.connector import NoTestEvent, State, Step, Variable
from tests.aws import TOPIC, Aws
from tests.providers.fault_server import FaultServer, answer

pytestmark = pytest.mark.django_db
URL = "https://mail.example.org/api/v1/email-service/events/far/"


@pytest.fixture(autouse=True)
def _at_amazon(settings: Any, aws: Aws) -> Iterator[None]:
    settings.GOMAIL_PROVIDERS = ("ses", "far=sendgrid", "own=smtp")
    settings.PROVIDER_SECRETS = {**aws.variables(), "FAR_SENDGRID_API_KEY": "SG.key"}
    settings.GOMAIL_PUBLIC_URL = "https://mail.example.org"
    yield
    configured._build.cache_clear()


class Scripted:
    """A vendor that has everything, asks for a confirmation if told to, and sends events as told."""

    takes_queue = signs_url = False

    def __init__(self, *, is_set: bool = True, sends: str = "delivered", asks: bool = False) -> None:
        self.is_set, self.sends, self.asks = is_set, sends, asks
        self.confirmed: list[Any] = []

    def connect(self, wish: Any) -> Iterator[Step | Variable]:
        yield Step(what=f"the webhook for {wish.url}", state=State.THERE)
        yield Variable(name="FAR_KEY", value="its-key", is_set=self.is_set)

    def confirm(self, wish: Any, posted: Any) -> bool:
        self.confirmed += posted
        return not self.asks or bool(self.confirmed)

    def test(self, wish: Any, message: Any, attempt_id: str) -> bool:
        if self.sends == "none":
            raise NoTestEvent("It has no test event.")
        if self.sends:
            keep(self.sends, attempt=attempt_id)
        return True


def keep(kind: str, **fields: Any) -> None:
    """Record an event, as a web process does."""
    key = str(fields.get("attempt", kind))[:64]
    ProviderEvent.objects.create(account="far", kind=kind, key=key, at="2026-11-28T12:00:00Z", **fields)


def scripted(monkeypatch: pytest.MonkeyPatch, **script: Any) -> Scripted:
    vendor = Scripted(**script)
    monkeypatch.setattr(registry, "CONNECTORS", {"sendgrid": lambda entry: vendor})
    return vendor


def run(*arguments: str) -> tuple[int, str]:
    """Return the exit status and what is printed."""
    out = StringIO()
    try:
        call_command("connect_events", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def test_one_command_leads_from_nothing_to_a_test_event_by_the_queue() -> None:
    status, said = run("ses", "--queue")
    assert status == 0, said
    assert f"made     the topic {TOPIC}" in said
    assert "AWS_SES_EVENTS_QUEUE_URL=http" in said
    assert "It came, and is on record: accepted, delivered." in said
    assert ProviderEvent.objects.filter(account="ses").count() == 2


def test_a_dry_run_makes_nothing_and_sends_nothing(aws: Aws) -> None:
    status, said = run("ses", "--queue", "--dry-run")
    assert status == 0
    assert f"missing  the topic {TOPIC}" in said
    assert (aws.ses.changes, aws.ses.mails) == ([], [])


def test_a_url_is_tried_once_the_variables_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, is_set=False)
    status, said = run("far")
    assert status == 2
    assert "  FAR_KEY=its-key\n" in said
    assert "run this command again" in said


def test_a_test_event_at_the_url_of_this_installation_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch)
    status, said = run("far")
    assert (status, f"the webhook for {URL}" in said, "set      FAR_KEY" in said) == (0, True, True)
    assert said.endswith("It came, and is on record: delivered.\n")


def test_events_of_other_mails_are_not_taken_for_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, sends="")
    keep("delivered", attempt="0190b3c4-aaaa-7bbb-8ccc-ddddeeeeffff")
    assert run("far", "--wait", "1")[0] == 1


def test_a_test_event_that_does_not_come_says_what_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, sends="")
    status, said = run("far", "--wait", "1")
    assert status == 1
    assert f"No test event came in 1 s. Look whether {URL} reaches this installation" in said


def test_the_question_of_a_vendor_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = scripted(monkeypatch, asks=True)
    keep("other", raw={"Type": "SubscriptionConfirmation"})
    assert run("far")[0] == 0
    assert vendor.confirmed == [{"Type": "SubscriptionConfirmation"}]


def test_a_question_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, asks=True)
    status, said = run("far", "--wait", "1")
    assert (status, f"far has not asked {URL}" in said) == (1, True)


def test_a_vendor_without_a_test_event_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, sends="none")
    status, said = run("far")
    assert (status, said.endswith("It has no test event.\n")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "There is no provider 'nobody' in GOMAIL_PROVIDERS."),
        (["own"], "The events of own cannot be connected from here, only those of ses, sendgrid"),
        (["far", "--queue"], "far has no queue; its events come to a URL."),
        (["far", "--url", "http://mail.example.org/"], "over https only"),
        (["ses", "--queue", "--name", "a b"], "--name may have 64 letters"),
        (["ses", "--queue", "--from", "nonsense"], "nonsense"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], words: str) -> None:
    status, said = run(*arguments)
    assert (status, words in said) == (1, True), said


def test_an_address_must_be_known(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL = ""
    assert "Set GOMAIL_PUBLIC_URL" in run("far")[1]


def test_a_vendor_that_signs_the_url_must_know_it_by_the_name_that_we_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch).signs_url = True
    assert run("far")[0] == 0
    status, said = run("far", "--url", "https://other.example.org/api/v1/email-service/events/far/")
    assert (status, "set GOMAIL_PUBLIC_URL" in said) == (1, True)


def test_a_refusal_of_the_vendor_ends_it_in_its_words(settings: Any) -> None:
    with FaultServer(default=answer(401, {"errors": [{"message": "authorization required"}]})) as vendor:
        settings.PROVIDER_SECRETS = {"FAR_SENDGRID_API_KEY": "SG.key", "FAR_SENDGRID_BASE_URL": vendor.url}
        status, said = run("far")
    assert (status, "authorization required" in said, "SG.key" in said) == (1, True, False)
