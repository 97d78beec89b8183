"""A fifth of a vendor's answers get lost after it has taken the mail; its events tell, and no mail goes twice."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from delivery.content.drafts import Draft
from delivery.models import Attempt, Email
from delivery.routing import configured
from delivery.sending import rounds
from delivery.submission import emails
from providers.message import Mailbox
from providers.ses.adapter import SES
from providers.ses.certificates import Certificates
from tests import fakes, tellers
from tests.providers.fault_server import Fault

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
EMAILS, EVERY = 100, 5
LOST = Fault(read="all", end="reset")
DOOR = fakes.V1 + "events/ses/"


@pytest.fixture(autouse=True)
def _events(
    settings: Any, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, monkeypatch: Any
) -> Iterator[None]:
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid")
    settings.PROVIDER_SECRETS = {**fakes.variables(ses, sendgrid), **tellers.SES.VARIABLES}
    monkeypatch.setattr(Certificates, "get", lambda self, url: tellers.certificate())
    yield
    configured._build.cache_clear()
    configured._sources.cache_clear()


def told(attempt: str, address: str, kind: str = "Send") -> int:
    teller = tellers.SES()
    envelope = json.dumps(teller.envelope(teller.message(attempt, kind, address)))
    return Client().post(DOOR, envelope, content_type="text/plain").status_code


def test_no_mail_goes_twice_and_every_doubt_is_settled(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, monkeypatch: Any
) -> None:
    chance, real = random.Random(5), SES.send
    late: list[tuple[str, str]] = []

    def send(self: SES, message: Any, attempt_id: str) -> Any:
        """Have the event come before the answer, or after it."""
        address = message.to[0].address
        try:
            return real(self, message, attempt_id)
        finally:
            if chance.random() < 0.5:
                assert told(attempt_id, address) == 200
            else:
                late.append((attempt_id, address))

    monkeypatch.setattr(SES, "send", send)
    ses.script(*(LOST if number % EVERY == 0 else ses.default for number in range(EMAILS)))
    for number in range(EMAILS):
        draft = Draft(
            sender=Mailbox(address="me@example.org"),
            to=(Mailbox(address=f"to{number}@example.org"),),
            text="Hi",
        )
        emails.send(draft, team=None)
    in_doubt = Email.objects.filter(status="unknown").count()
    chance.shuffle(late)
    assert {told(*each) for each in late * 2} == {200}

    Email.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))
    for email in Email.objects.all():
        rounds.dispatch(email.pk)
    copies = Counter(next(iter(mail.recipients)) for mail in ses.arrived())
    assert in_doubt > 0
    assert Counter(Email.objects.values_list("status", flat=True)) == {"sent": EMAILS}
    assert (len(copies), set(copies.values()), sendgrid.received) == (EMAILS, {1}, [])
    assert Attempt.objects.filter(settled_by="event:accepted").count() == EMAILS // EVERY
