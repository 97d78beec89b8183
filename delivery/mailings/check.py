"""The check: who gets a mailing, and for whom it cannot be written, found out for everybody before it starts.

Two walks, each chunk of them one transaction with the place behind it: the snapshot, and the writing of every email.
A recipient for whom it fails stays waiting, with the reason: what lacks may be filled in before the mailing starts.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db import IntegrityError, transaction

from delivery.content.addresses import canonical
from delivery.content.drafts import Draft
from delivery.content.templates import Missing, Unwritable
from delivery.db import clock
from delivery.db.text import storable
from delivery.mailings import claims, content, forecast, snapshot, states
from delivery.mailings.content import Writer
from delivery.models import Contact, Mailing, MailingRecipient
from delivery.suppressions import screening

_CHUNK: Final = 500
_MOST_FAILURES: Final = 20  # that the result names
_CLEAR, _COPY, _WRITE = range(3)  # the walks
Progress = dict[str, Any]
log = logging.getLogger(__name__)


def step(mailing: Mailing, seconds: float) -> bool:
    """Take a claimed check a chunk further, writing for so long; there always is more to do until it raises Lost.

    Raises NotReady where its group is gone, and Lost where no check was asked for: a check begins by deleting.
    """
    if mailing.state != Mailing.State.DRAFT or mailing.check_asked_at is None:
        raise claims.Lost
    _STEPS[mailing.check_result.get("walk", _CLEAR)](mailing, seconds)
    return True


def _clear(mailing: Mailing, _: float) -> None:
    with transaction.atomic():
        claims.hold(mailing)
        more = snapshot.clear_some(mailing)
        claims.advance(mailing, check_result={"walk": _CLEAR if more else _COPY})


def _copy(mailing: Mailing, _: float) -> None:
    try:
        _copy_some(mailing)
    except IntegrityError as error:  # a contact was deleted at this moment, and this chunk is done anew
        log.info("The check of mailing %s does a chunk anew: %s", mailing.pk, type(error).__name__)
        raise claims.Lost from error


def _copy_some(mailing: Mailing) -> None:
    with transaction.atomic():
        claims.hold(mailing)
        last = snapshot.take_some(mailing, mailing.position)
        if last is not None:
            claims.advance(mailing, position=last)
        else:
            claims.advance(mailing, position=0, check_result=_nothing_yet(mailing))


def _write(mailing: Mailing, seconds: float) -> None:
    rows = _rows(mailing)
    if not rows:
        _finish(mailing)
        return
    progress, writer = dict(mailing.check_result), content.writer(mailing)
    done = _written(writer, rows, progress, seconds)
    failed = [row for row in done if row.reason]
    _count(writer, done, failed, progress)
    with transaction.atomic():
        claims.hold(mailing)
        MailingRecipient.objects.bulk_update(failed, ["reason"])
        claims.advance(mailing, position=done[-1].pk, check_result=progress)


def _written(
    writer: Writer, rows: Sequence[MailingRecipient], progress: Progress, seconds: float
) -> Sequence[MailingRecipient]:
    """Write as many as the time allows, one at least; return them, with the reasons of those that failed."""
    contacts = Contact.objects.in_bulk([row.contact_id for row in rows if row.contact_id])
    until = time.monotonic() + seconds
    for number, row in enumerate(rows, start=1):
        row.reason = _fault(writer, row, contacts, progress)
        if time.monotonic() > until:
            return rows[:number]
    return rows


def _finish(mailing: Mailing) -> None:
    progress = {name: value for name, value in mailing.check_result.items() if name != "walk"}
    result = {
        "at": clock.now().isoformat(),
        **progress,
        "unsubscribed": snapshot.unsubscribed(mailing),
        "providers": forecast.providers(mailing, _sample(mailing)),
        "forecast": forecast.of(mailing, progress["recipients"]),
    }
    with transaction.atomic():
        claims.hold(mailing)
        claims.advance(mailing, check_result=result, check_asked_at=None, state=Mailing.State.CHECKED)
        claims.give_back(mailing)
    raise claims.Lost


_STEPS: Final[Mapping[int, Callable[[Mailing, float], None]]] = {_CLEAR: _clear, _COPY: _copy, _WRITE: _write}


def _nothing_yet(mailing: Mailing) -> Progress:
    if mailing.group is None:
        raise content.NotReady("group", "The group of the mailing has been deleted.")
    counts = {"recipients": 0, "suppressed": 0, "render_failures": 0}
    confirmed = {
        "of_group": content.of_group(mailing, mailing.group),
        "published": content.published_at(mailing),
    }
    return {"walk": _WRITE, **confirmed, **counts, "failures": [], "missing": {}}


def _rows(mailing: Mailing) -> list[MailingRecipient]:
    rows = MailingRecipient.objects.filter(mailing=mailing, state=MailingRecipient.State.WAITING)
    return list(rows.filter(pk__gt=mailing.position).order_by("pk")[:_CHUNK])


def _fault(writer: Writer, row: MailingRecipient, contacts: Mapping[Any, Contact], progress: Progress) -> str:
    """Return why it cannot be written for this recipient; empty if it can."""
    contact = contacts.get(row.contact_id)
    if contact is None:
        return ""  # gone meanwhile: nothing is sent
    try:
        writer.draft(row, contact)
    except Unwritable as fault:
        _note_missing(fault, progress)
        return reason(fault)
    return ""


def reason(fault: Unwritable) -> str:
    """Return a fault as the reason of a recipient."""
    return f"{states.RENDER}{storable(str(fault))}"[:1000]


def _note_missing(fault: Unwritable, progress: Progress) -> None:
    if isinstance(fault, Missing):
        missing = progress["missing"]
        progress["missing"] = {**missing, **{name: missing.get(name, 0) + 1 for name in fault.names}}


def _count(
    writer: Writer, rows: Sequence[MailingRecipient], failed: Sequence[MailingRecipient], progress: Progress
) -> None:
    out = screening.kept_out(writer.mail, [canonical(row.address) for row in rows])
    named = [{"address": row.address, "reason": row.reason} for row in failed]
    progress["recipients"] += len(rows)
    progress["suppressed"] += len(out)
    progress["render_failures"] += len(failed)
    progress["failures"] = [*progress["failures"], *named][:_MOST_FAILURES]


def _sample(mailing: Mailing) -> Draft | None:
    """Return one email of the mailing, for the providers; None: there is none that can be written."""
    writer = content.writer(mailing)
    rows = MailingRecipient.objects.filter(mailing=mailing, reason="", contact__isnull=False)
    row = rows.select_related("contact").order_by("pk").first()
    return writer.draft(row, row.contact) if row and row.contact else None
