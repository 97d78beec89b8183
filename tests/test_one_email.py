"""Read this first: one email from the client's request to the provider, and what the log says afterwards."""

from typing import Any

import pytest

from delivery.models import Attempt, Email
from tests import fakes


@pytest.mark.django_db
def test_one_email_goes_to_ses_and_every_step_is_in_the_log(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor
) -> None:
    answer = api.send(subject="Hello", body="Hi Ann", bcc_addresses=["eve@example.org"])

    assert answer.status_code == 200
    assert answer.json()["message"] == "Email sent to recipients"
    assert answer.json()["provider"] == "ses"

    (mail,) = ses.arrived()
    assert mail.recipients == {"ann@example.org", "eve@example.org"}
    assert mail.mime["Subject"] == "Hello"
    assert mail.mime["Bcc"] is None
    assert mail.mime.get_content().strip() == "Hi Ann"

    email = Email.objects.get(pk=answer.json()["id"])
    attempt = email.attempts.get()
    assert (email.status, email.provider) == (Email.Status.SENT, "ses")
    assert {recipient.status for recipient in email.recipients.all()} == {"accepted"}
    assert (attempt.outcome, attempt.provider_message_id) == (Attempt.Outcome.ACCEPTED, "ses-message-id")
    assert str(attempt.pk) == mail.attempt


@pytest.mark.django_db
def test_when_ses_does_not_let_us_send_the_same_email_goes_to_sendgrid_once(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = fakes.SES_SUSPENDED

    answer = api.send(subject="Hello", body="Hi Ann")

    assert answer.json()["provider"] == "sendgrid"
    (mail,) = sendgrid.arrived()
    assert mail.recipients == {"ann@example.org"}
    assert outcomes(answer) == ["refused_temporarily", "accepted"]


@pytest.mark.django_db
def test_when_ses_may_have_taken_the_email_nobody_else_gets_it(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    from tests.providers.fault_server import close

    ses.default = close()  # reads the request to its end, then closes without a word

    answer = api.send(subject="Hello", body="Hi Ann")

    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert len(ses.received) == 1
    assert sendgrid.received == []
    assert outcomes(answer) == ["unknown"]


def outcomes(answer: Any) -> list[str]:
    """Return what the attempts of the answered email came to, in order."""
    return list(Attempt.objects.filter(email=answer.json()["id"]).values_list("outcome", flat=True))
