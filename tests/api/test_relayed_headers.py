"""A header that a mail server may obey is refused at the door, or the mail servers are passed over for it."""

from typing import Any

import pytest

from delivery.models import Email
from tests import fakes
from tests.api.wire import Service, as_form, as_json

pytestmark = pytest.mark.django_db

FORMATS = pytest.mark.parametrize("formatted", [as_json, as_form], ids=["json", "form"])
FIELDS = {
    "from_address": "me@example.org",
    "to_addresses": "ann@example.org",
    "subject": "Hello",
    "body": "Hi",
}


@pytest.fixture
def mail_servers(service: Service, settings: Any) -> None:
    """SES, a mail server, and a Django backend that keeps what it gets."""
    settings.GOMAIL_PROVIDERS = ("ses", "smtp", "house=django")
    backend = {"HOUSE_DJANGO_BACKEND": "django.core.mail.backends.smtp.EmailBackend"}
    settings.PROVIDER_SECRETS = {
        **settings.PROVIDER_SECRETS,
        "SMTP_URL": "smtp://127.0.0.1:9?starttls=never",
        **backend,
    }


def offered(service: Service, formatted: Any, headers: dict[str, str]) -> dict[str, str]:
    path = fakes.V1 + "send-email/?dry_run=true"
    answer = service.post(*formatted({**FIELDS, "headers": headers}), path)
    assert answer.status_code == 200, answer.content
    return {one["name"]: one["reason"] for one in answer.json()["providers"] if not one["offered"]}


@FORMATS
@pytest.mark.parametrize("name", ["X-MSYS-API", "x-mj-customid", "X-PM-Tag", "X-Mailin-Tag", "Apparently-To"])
def test_an_order_is_refused_and_nothing_is_sent(service: Service, formatted: Any, name: str) -> None:
    answer = service.post(*formatted({**FIELDS, "headers": {name: "evil@example.com"}}))

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"].startswith("headers")
    assert name in error["message"]
    assert (service.received(), Email.objects.count()) == ((0, 0), 0)


@FORMATS
def test_an_unlisted_header_passes_the_mail_servers_over(
    service: Service, mail_servers: None, formatted: Any
) -> None:
    reasons = offered(service, formatted, {"References": "<a@b.example>", "X-Campaign": "spring"})

    assert reasons == {
        name: f"{name} is not given the header X-Campaign, which GOMAIL_ALLOWED_HEADERS does not list"
        for name in ("smtp", "house")
    }


@FORMATS
def test_a_listed_header_and_the_usual_ones_pass(
    service: Service, mail_servers: None, formatted: Any, settings: Any
) -> None:
    settings.GOMAIL_ALLOWED_HEADERS = ("x-campaign",)
    usual = {"List-Unsubscribe": "<mailto:out@example.org>", "X-Priority": "1", "Feedback-ID": "a:b"}

    assert offered(service, formatted, {**usual, "X-Campaign": "spring"}) == {}


def test_with_mail_servers_alone_the_refusal_says_what_to_set(
    service: Service, mail_servers: None, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("smtp",)
    answer = service.post(*as_json({**FIELDS, "headers": {"X-Campaign": "spring"}}))

    assert answer.status_code == 400
    assert "GOMAIL_ALLOWED_HEADERS" in str(answer.json())
    assert not Email.objects.exists()
