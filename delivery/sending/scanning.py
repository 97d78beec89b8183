"""Attachments are looked through when an email is taken on, and scanned for malware before it is sent.

An email whose attachments have no verdict yet waits; its reason begins with NOT_SCANNED. Each attachment keeps the
version of the signatures by which it was found clean.
"""

import time
from collections.abc import Iterable
from typing import Final

from django.conf import settings

from delivery.access import stored
from delivery.bundles import Bundle
from delivery.db import clock
from delivery.files import archives, refused, scan, storage
from delivery.files.refused import FileRefused, Malware
from delivery.files.scan import NotScanned
from delivery.models import Attachment, Email
from delivery.sending import outcomes
from delivery.sending.outcomes import Outcome
from providers import message as border

NOT_SCANNED: Final = "not_scanned"  # the first word of the reason of an email that waits for a verdict
CODES: Final = (
    *refused.CODES,
    NOT_SCANNED,
)  # first words of the reasons of emails that fail by their attachments
_HOLD = 10.0  # seconds that a scanner may hold a request, or a worker
_LONGEST_VERSION = 200  # characters
_TRIPLINGS = 3  # of the wait between two tries: 45 s at most


def deadline() -> float:
    """Return until when the scanner may hold a request that begins now, by the monotonic clock."""
    return time.monotonic() + _HOLD


def check(bundle: Bundle, until: float) -> str:
    """Look through the attachments of a new email, and have them scanned. Raises FileRefused.

    Return why it has to wait, in the form of a reason; empty: it may be sent.
    """
    for file in bundle.files:
        archives.inspect(file, settings.GOMAIL_REFUSED_ARCHIVES)
    try:
        _scan(bundle, until)
    except NotScanned as why:
        return _reason(why)
    return ""


def insist(bundle: Bundle) -> None:
    """Have the attachments of a stored email scanned that were not. Raises FileRefused or NotScanned."""
    try:
        clean = _scan(bundle, deadline())
    except OSError as error:
        raise NotScanned("a file cannot be read") from error
    for row in clean:
        Attachment.objects.filter(pk=row.pk).update(scanned_as=row.scanned_as)


def waiting(why: NotScanned) -> Outcome:
    """The outcome of a round in which nobody was asked, because the scanner gave no verdict."""
    return outcomes.wait(_reason(why), rounds=_TRIPLINGS, at_least=5)


def failed(refusal: FileRefused) -> Outcome:
    """The outcome of an email that has waited for a verdict, and got a bad one."""
    return outcomes.failed(f"{refusal.code}: {refusal}")


def is_awaited(email: Email) -> bool:
    """Tell whether the email waits for a verdict."""
    return email.reason.startswith(f"{NOT_SCANNED}:")


def keep_from_resending(bundle: Bundle, refusal: FileRefused) -> None:
    """Keep malware no longer: the files count as pruned, and the email cannot be sent again.

    The caller holds the transaction.
    """
    if isinstance(refusal, Malware):
        files = Attachment.objects.filter(email=bundle.email)
        stored.files_go(files)
        files.update(pruned_at=clock.now())


def _scan(bundle: Bundle, until: float) -> list[Attachment]:
    """Have each attachment scanned that was not; return those that are clean now."""
    if not scan.is_on():
        return []
    parts = [part for part in zip(bundle.attachments, bundle.files, strict=True) if not part[0].scanned_as]
    return list(_scanned(parts, until))


def _scanned(parts: Iterable[tuple[Attachment, border.Attachment]], until: float) -> Iterable[Attachment]:
    for row, file in parts:
        found = scan.verdict(file, storage.digest(file), until)  # of what is there, whatever was promised
        if refusal := scan.refusal(row.filename, found):
            raise refusal
        row.scanned_as = found.version[:_LONGEST_VERSION]
        yield row


def _reason(why: NotScanned) -> str:
    return f"{NOT_SCANNED}: {why}; the email waits until its attachments are scanned."
