"""Mails of the login: accepted like any other email, of no team, so that only the operator finds them in the log."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from delivery.content.drafts import Draft
from delivery.routing.configured import NobodyCanCarry
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import emails
from delivery.submission.backpressure import Overloaded
from providers.message import Mailbox

log = logging.getLogger(__name__)
_EVEN = 0.3  # seconds


def send(*, to: str, subject: str, text: str) -> None:
    """Accept a mail for the worker; log why not. Who waits for it must not learn whether there was one."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL or "GoMail <gomail@localhost>")
    draft = Draft(
        sender=Mailbox(address=address, name=name),
        to=(Mailbox(address=to),),
        subject=subject,
        text=text,
        priority="high",
        purpose="essential",
        expires_in=settings.PASSWORD_RESET_TIMEOUT,
    )
    try:
        emails.accept(draft, team=None)
    except (Overloaded, NobodyCanCarry, AllSuppressed) as error:
        log.warning("A mail of the login was not accepted: %s", error)


def at_public_url(request: HttpRequest, url: str) -> str:
    """Return an address of ours as people reach it: at GOMAIL_PUBLIC_URL, or at the host they asked."""
    path = urlsplit(url).path
    return (
        f"{settings.GOMAIL_PUBLIC_URL}{path}"
        if settings.GOMAIL_PUBLIC_URL
        else request.build_absolute_uri(path)
    )


@contextmanager
def evenly() -> Iterator[None]:
    """Take as long for an address that nobody has as for one that is written to."""
    until = time.monotonic() + _EVEN
    yield
    time.sleep(max(0.0, until - time.monotonic()))
