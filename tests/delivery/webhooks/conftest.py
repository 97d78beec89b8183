"""A receiver on loopback, where webhooks may go for the time of a test."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from tests.providers.fault_server import FaultServer


@pytest.fixture
def receiver(settings: Any) -> Iterator[FaultServer]:
    """Take every webhook, unless told otherwise."""
    with FaultServer() as server:
        settings.GOMAIL_WEBHOOK_ALLOWED_NETS = (ip_network("127.0.0.0/8"),)
        settings.GOMAIL_WEBHOOK_PORTS = (server.port,)
        yield server
