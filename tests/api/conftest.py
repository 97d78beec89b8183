"""The service between a client and both vendors."""

from pathlib import Path

import pytest
from django.test import Client

from tests import fakes
from tests.api.wire import Service


@pytest.fixture
def service(
    token: str, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, attachment_folder: Path
) -> Service:
    """The API between a client and two vendors."""
    client = Client(raise_request_exception=False)
    return Service(client, {"Authorization": f"Bearer {token}"}, ses, sendgrid, attachment_folder)
