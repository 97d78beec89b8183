"""The raw message shows who was offered it, and not who was left out."""

from typing import Any

import pytest
from django.test import Client

from delivery.db import clock
from delivery.models import Email
from delivery.submission import emails
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from tests.delivery.admin.pages import LIST
from tests.delivery.events import told
from tests.delivery.factories import ANN, BOB, draft

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def shown(admin_client: Client, email: Email) -> str:
    answer: Any = admin_client.get(f"{LIST}{email.pk}/raw/")
    head = b"".join(answer).partition(b"\r\n\r\n")[0].decode()
    return next(line for line in head.split("\r\n") if line.startswith("To: "))


def test_who_was_left_out_is_not_in_it(admin_client: Client) -> None:
    given: dict[str, Any] = {"team_id": None, "kind": "manual", "source": "admin", "at": clock.now()}
    entries.add([Finding(address=BOB.address, **given)])
    email = emails.send(draft(to=(BOB, ANN)), team=None)
    assert shown(admin_client, email) == f"To: {ANN.address}"


def test_who_was_offered_it_is_in_it_also_when_the_vendor_drops_it(admin_client: Client) -> None:
    email = emails.send(draft(to=(BOB, ANN)), team=None)
    told.tell(email.attempts.get(), "suppressed")
    assert email.recipients.get(address=BOB.address).status == "suppressed"
    assert shown(admin_client, email) == f"To: {BOB.address}, {ANN.address}"
