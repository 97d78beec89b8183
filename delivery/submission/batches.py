"""Batches: many emails in one request, each accepted or refused on its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from delivery import bundles
from delivery.bundles import Bundle
from delivery.content.drafts import Draft
from delivery.content.links import NotSetUp
from delivery.files.refused import FileRefused
from delivery.models import Email, Owner
from delivery.queue import notifier
from delivery.routing import configured
from delivery.routing.configured import NobodyCanCarry
from delivery.sending import scanning, suppressed
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import backpressure, emails
from delivery.submission.backpressure import Overloaded
from delivery.submission.idempotency import KeyUse, UsedOtherwise
from providers import failpoints

_CHUNK = 100  # emails in one transaction; a crash loses at most the last one
Refusal = NobodyCanCarry | Overloaded | AllSuppressed | NotSetUp | FileRefused
Result = Email | UsedOtherwise | Refusal


@dataclass(frozen=True, kw_only=True)
class Item:
    """One email of a batch."""

    draft: Draft
    key_use: KeyUse | None = None


def accept(items: Sequence[Item], *, owner: Owner | None) -> list[Result]:
    """Accept the emails for a worker to hand over; return for each item the email, or the error that refused it."""
    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    scan_until = scanning.deadline()  # of all together
    return [result for chunk in chunks for result in _accept_chunk(chunk, owner, scan_until)]


def _accept_chunk(items: Sequence[Item], owner: Owner | None, scan_until: float) -> list[Result]:
    if any(item.key_use for item in items):  # some may have been accepted before
        return [_accept_one(item, owner, scan_until) for item in items]
    results = _without_suppressed([_prepared(item.draft, owner) for item in items])
    results = [_scanned(result, scan_until) for result in results]
    _save([result for result in results if isinstance(result, Bundle)])
    return [result.email if isinstance(result, Bundle) else result for result in results]


def _accept_one(item: Item, owner: Owner | None, scan_until: float) -> Result:
    try:
        return emails.accept(item.draft, owner=owner, key_use=item.key_use, scan_until=scan_until)
    except (NobodyCanCarry, UsedOtherwise, Overloaded, AllSuppressed, NotSetUp, FileRefused) as refusal:
        return refusal


def _prepared(draft: Draft, owner: Owner | None) -> Bundle | Refusal:
    try:
        backpressure.refuse_if_too_high(draft.priority)
        bundle = bundles.waiting(draft, owner)
        _, bundle.email.left_out = configured.eligible(bundle.message())
    except (NobodyCanCarry, Overloaded, NotSetUp) as refusal:
        return refusal
    return bundle


def _scanned(result: Bundle | Refusal, until: float) -> Bundle | Refusal:
    """Look through the files of an email that is taken, have them scanned, and store them."""
    if not isinstance(result, Bundle):
        return result
    try:
        result.email.reason = scanning.check(result, until)
    except FileRefused as refusal:
        return refusal
    result.keep_files()
    return result


def _without_suppressed(results: Sequence[Bundle | Refusal]) -> list[Bundle | Refusal]:
    """Replace the emails that nobody may get by the reason; all are asked for at once."""
    good = [result for result in results if isinstance(result, Bundle)]
    refusals = iter(suppressed.refusals(good))
    return [(next(refusals) or result) if isinstance(result, Bundle) else result for result in results]


def _save(chunk: list[Bundle]) -> None:
    with transaction.atomic():
        bundles.save_all(chunk)
        notifier.notify(bundle.email for bundle in chunk)
        failpoints.reach("in-accept")
    failpoints.reach("after-commit")
