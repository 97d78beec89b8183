"""G9: our SendGrid adapter against the stock package, each handing over the same mail, in this process."""

import base64
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail as helpers

from benchmarks.servers import Stub
from providers.message import Mailbox, Message, file_of_bytes
from providers.sendgrid import adapter

_KEY = "SG.bench"
_TEXT = ("Hello, this is a line of an ordinary letter to somebody.\n" * 20)[:1024]
_FILE = os.urandom(7_000_000)


def measure(vendor: Stub, *, large: bool, rounds: int, each: int) -> tuple[list[float], list[float], int]:
    """Return CPU ms per mail of ours and of the package, alternated, and the connections that ours opened."""
    ours = adapter.SendGrid(adapter.Config(api_key=_KEY, base_url=vendor.url))
    stock = SendGridAPIClient(_KEY, host=vendor.url)
    content = _FILE if large else b""
    ours.send(_message(content), "0")
    _package(stock, content)
    times: tuple[list[float], list[float]] = ([], [])
    opened = 0
    for _ in range(rounds):
        start = vendor.counts()["connections"]
        times[0].append(_cpu(lambda: ours.send(_message(content), "0"), each))
        opened += vendor.counts()["connections"] - start - 1  # one is the count's own
        times[1].append(_cpu(lambda: _package(stock, content), each))
    ours.close()
    return *times, opened + 1


def _cpu(action: Callable[[], object], times: int) -> float:
    started = time.thread_time()
    for _ in range(times):
        action()
    return (time.thread_time() - started) / times * 1000


def _message(content: bytes) -> Message:
    file = file_of_bytes(content, filename="documents.pdf", content_type="application/pdf")
    return Message(
        id="0199-bench",
        date=datetime.now(UTC),
        sender=Mailbox(address="bench@example.org"),
        to=(Mailbox(address="ann@example.org"),),
        subject="Your order is on its way",
        text=_TEXT,
        attachments=(file,) if content else (),
    )


def _package(client: SendGridAPIClient, content: bytes) -> None:
    mail = helpers.Mail(
        from_email="bench@example.org",
        to_emails="ann@example.org",
        subject="Your order is on its way",
        plain_text_content=_TEXT,
    )
    if content:
        mail.attachment = helpers.Attachment(
            helpers.FileContent(base64.b64encode(content).decode()),
            helpers.FileName("documents.pdf"),
            helpers.FileType("application/pdf"),
            helpers.Disposition("attachment"),
        )
    client.send(mail)
