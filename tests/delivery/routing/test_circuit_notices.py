"""What webhooks are told of the providers: when one is gone and when it is back, and of nobody's mail."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from delivery.content.drafts import Draft
from delivery.models import Circuit, Team, WebhookMessage
from delivery.routing import circuits
from delivery.submission import emails
from providers.message import Mailbox
from tests import fakes
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def send() -> None:
    me, bob = Mailbox(address="me@example.org"), Mailbox(address="bob@example.com")
    emails.send(Draft(sender=me, to=(bob,), subject="Hello", text="Hi"), team=None)


def told() -> list[Any]:
    rows = WebhookMessage.objects.filter(kind__startswith="provider").order_by("pk")
    return list(rows.values_list("kind", "data"))


def test_a_provider_whose_account_cannot_send_is_told_of_once(ses: fakes.FakeVendor) -> None:
    endpoint()
    ses.default = fakes.SES_SUSPENDED
    send()
    send()

    data = {"provider": "ses", "state": "open", "reason": "its account cannot send"}
    assert told() == [("provider.unavailable", data)]


def test_what_the_vendor_said_of_one_teams_mail_is_told_to_nobody(ses: fakes.FakeVendor) -> None:
    endpoint(team=Team.objects.create(name="another"))
    ses.default = fakes.SES_SUSPENDED
    send()

    assert "restricted" not in str(told())


def test_a_provider_that_works_again_is_told_of() -> None:
    endpoint()
    probe = uuid4()
    Circuit.objects.create(provider="ses", state="probing", probe=probe, retry_at=timezone.now())
    circuits.close("ses", probe)

    assert told() == [("provider.recovered", {"provider": "ses", "state": "closed", "reason": ""})]


def test_a_probe_and_its_failure_are_not_told_of() -> None:
    endpoint()
    circuit = Circuit.objects.create(provider="ses", state="open", retry_at=timezone.now())
    probe = circuits.take_probe(circuit)
    assert probe
    circuits.release("ses", probe)

    assert told() == []


def test_a_provider_that_a_person_takes_out_and_puts_back_is_told_of() -> None:
    endpoint()
    circuits.take_out("ses", by="anna", reason="a talk with the vendor")
    circuits.put_back("ses", by="anna")

    assert told() == [
        ("provider.unavailable", {"provider": "ses", "state": "out", "reason": "out of service"}),
        ("provider.recovered", {"provider": "ses", "state": "closed", "reason": ""}),
    ]


def test_a_refused_sender_is_not_told_of(ses: fakes.FakeVendor) -> None:
    endpoint()
    ses.default = fakes.SES_UNVERIFIED
    send()

    assert told() == []
