"""The service between a client and both vendors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from delivery.routing import configured
from providers.ses.certificates import Certificates
from tests import fakes, tellers
from tests.api.wire import Service


@pytest.fixture
def service(
    token: str, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, attachment_folder: Path
) -> Service:
    """The API between a client and two vendors."""
    client = Client(raise_request_exception=False)
    return Service(client, {"Authorization": f"Bearer {token}"}, ses, sendgrid, attachment_folder)


@pytest.fixture
def links(settings: Any) -> None:
    """Whatever a link to unsubscribe needs."""
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.org", ("k" * 32,)


@pytest.fixture
def vendors(settings: Any, monkeypatch: Any) -> Iterator[None]:
    """An account at each vendor that tells of mail, and SNS's certificate as if it had been fetched."""
    settings.GOMAIL_PROVIDERS = tellers.NAMES
    settings.PROVIDER_SECRETS = tellers.variables()
    settings.GOMAIL_PUBLIC_URL = "https://mail.example.org"
    monkeypatch.setattr(Certificates, "get", lambda self, url: tellers.certificate())
    yield
    configured._sources.cache_clear()
