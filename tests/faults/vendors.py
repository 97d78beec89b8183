"""The harness' side of the stub vendors: change them, read their ledger."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults import mails, processes
from tests.faults.mails import Mail


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request for sending a mail, received whole by a vendor."""

    vendor: str
    mode: str  # how the vendor was at that moment
    email: str  # X-GoMail-ID
    attempt: str
    at: float  # seconds since the epoch
    accepted: bool
    mail: Mail


class Vendors:
    """Amazon SES and SendGrid."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports

    def turn(self, vendor: str, mode: str) -> None:
        """Make a vendor well or ill; when this returns, it is."""
        self._get(f"/mode/{vendor}/{mode}")

    def limit(self, vendor: str, per_second: float, day: int) -> None:
        """Give a vendor a rate and a day, in recipients."""
        self._get(f"/quota/{vendor}/{per_second}/{day}")

    def ledger(self) -> list[Entry]:
        return [_entry(row) for row in self._get("/ledger")]

    def variables(self) -> dict[str, str]:
        """Return what tells GoMail where they are."""
        return {
            "AWS_SES_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "faults-access-key-id",
            "AWS_SECRET_ACCESS_KEY": "faults-secret-access-key",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SES_ENDPOINT_URL": f"http://127.0.0.1:{self._ports['ses']}",
            "SENDGRID_API_KEY": "SG.faults-key",
            "SENDGRID_BASE_URL": f"http://127.0.0.1:{self._ports['sendgrid']}",
        }

    def _get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports["control"], timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def _entry(row: dict[str, Any]) -> Entry:
    call = mails.READERS[row["vendor"]](row.pop("body"))
    return Entry(**row, email=call.email, attempt=call.attempt, mail=call.mail)


@contextmanager
def stubbed(seed: int = 0) -> Iterator[Vendors]:
    """Run the stub vendors in a process of their own."""
    with processes.running(["-m", "tests.faults.stub", str(seed)], {}) as process:
        assert process.stdout
        yield Vendors(json.loads(process.stdout.readline()))
