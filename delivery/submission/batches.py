"""Batches: many emails in one request, each accepted or refused on its own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from delivery import bundles
from delivery.access import brake, limits, pauses, terms
from delivery.access.limits import Asked, Over
from delivery.access.pauses import Paused
from delivery.access.terms import Account
from delivery.bundles import Bundle
from delivery.content.drafts import Draft
from delivery.content.links import NotSetUp
from delivery.content.templates import Unwritable
from delivery.counting import counters
from delivery.files import holds
from delivery.files.refused import FileRefused
from delivery.models import ApiKey, Email, Team
from delivery.queue import notifier
from delivery.routing import configured
from delivery.routing.configured import NobodyCanCarry
from delivery.sending import scanning, suppressed
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import backpressure, composing, emails, idempotency
from delivery.submission.backpressure import Overloaded
from delivery.submission.emails import Bounds, Client
from delivery.submission.idempotency import KeyUse, UsedOtherwise
from providers import failpoints

_CHUNK = 100  # emails in one transaction; a crash loses at most the last one
_TRIES = 3  # against repeats of the same batch at the same moment
Refusal = NobodyCanCarry | Overloaded | AllSuppressed | NotSetUp | FileRefused | Unwritable | Paused
Result = Email | UsedOtherwise | Refusal
_REFUSALS: Final = (NobodyCanCarry, Overloaded, AllSuppressed, NotSetUp, FileRefused, Unwritable, Paused)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One email of a batch."""

    draft: Draft
    key_use: KeyUse | None = None


def accept(items: Sequence[Item], *, team: Team | None, key: ApiKey | None = None) -> list[Result]:
    """Accept the emails for a worker to hand over; return for each item the email, or the error that refused it.

    Raises Paused or Over for the whole batch: then nothing of it is stored.
    """
    pauses.refuse(team, key)
    client = Client(team=team, key=key)
    if accounts := terms.accounts(team, key):
        return _accept_whole(items, client, accounts)
    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    until = emails.bounds()  # of all together
    return [result for chunk in chunks for result in _accept_chunk(chunk, client, until)]


def _accept_whole(items: Sequence[Item], client: Client, accounts: Sequence[Account]) -> list[Result]:
    """Accept all of them in one transaction, so that limits are taken for all or for none."""
    refusal: Exception = idempotency.StillRunning()
    until = emails.bounds()  # of all together
    for _ in range(_TRIES):
        try:
            return _try_whole(items, client, accounts, until)
        except idempotency.Taken:  # a repeat was faster: what it has stored is known now
            continue
        except Over as over:
            refusal = over
            if not any(item.key_use and _known(item) for item in items[:1]):
                break
    raise refusal


def _try_whole(
    items: Sequence[Item], client: Client, accounts: Sequence[Account], until: Bounds
) -> list[Result]:
    known = [_known(item) for item in items]
    fresh = [item for item, found in zip(items, known, strict=True) if found is None]
    made = _without_suppressed([_prepared(item.draft, client, until) for item in fresh])
    made = [_scanned(result, until.scan) for result in made]
    whole = [
        (bundle, item.key_use) for bundle, item in zip(made, fresh, strict=True) if isinstance(bundle, Bundle)
    ]
    asked = limits.ask(accounts, [bundle for bundle, _ in whole])
    _save([bundle for bundle, _ in whole], [(use, bundle.email) for bundle, use in whole if use], asked)
    results = iter([result.email if isinstance(result, Bundle) else result for result in made])
    return [next(results) if found is None else found for found in known]


def _known(item: Item) -> Email | UsedOtherwise | None:
    try:
        return idempotency.find(item.key_use) if item.key_use else None
    except UsedOtherwise as refusal:
        return refusal


def _accept_chunk(items: Sequence[Item], client: Client, until: Bounds) -> list[Result]:
    if any(item.key_use for item in items):  # some may have been accepted before
        return [_accept_one(item, client, until) for item in items]
    results = _without_suppressed([_prepared(item.draft, client, until) for item in items])
    results = [_scanned(result, until.scan) for result in results]
    _save([result for result in results if isinstance(result, Bundle)])
    return [result.email if isinstance(result, Bundle) else result for result in results]


def _accept_one(item: Item, client: Client, until: Bounds) -> Result:
    try:
        return emails.accept_one_of_many(item.draft, client=client, key_use=item.key_use, until=until)
    except (UsedOtherwise, *_REFUSALS) as refusal:
        return refusal


def _prepared(draft: Draft, client: Client, until: Bounds) -> Bundle | Refusal:
    try:
        brake.refuse(client.team, draft.purpose)
        backpressure.refuse_if_too_high(draft.priority, client.team)
        composed = composing.composed(draft, client.team, until.write)
        bundle = bundles.waiting(composed, client.team, client.key)
        _, bundle.email.left_out = configured.eligible(bundle.message())
    except (NobodyCanCarry, Overloaded, NotSetUp, Unwritable, Paused) as refusal:
        return refusal
    return bundle


def _scanned(result: Bundle | Refusal, until: float) -> Bundle | Refusal:
    """Look through the files of an email that is taken, and have them scanned."""
    if not isinstance(result, Bundle):
        return result
    try:
        result.email.reason = scanning.check(result, until)
    except FileRefused as refusal:
        return refusal
    return result


def _without_suppressed(results: Sequence[Bundle | Refusal]) -> list[Bundle | Refusal]:
    """Replace the emails that nobody may get by the reason; all are asked for at once."""
    good = [result for result in results if isinstance(result, Bundle)]
    refusals = iter(suppressed.refusals(good))
    return [(next(refusals) or result) if isinstance(result, Bundle) else result for result in results]


@holds.until_saved()
def _save(chunk: list[Bundle], uses: Sequence[tuple[KeyUse, Email]] = (), asked: Asked | None = None) -> None:
    begun = time.monotonic()
    for bundle in chunk:
        bundle.keep_files()
    with transaction.atomic():
        idempotency.bind(uses)
        limits.take(asked)
        bundles.save_all(chunk)
        notifier.notify(bundle.email for bundle in chunk)
        failpoints.reach("in-accept")
    counters.accepted([bundle.email.priority for bundle in chunk], time.monotonic() - begun)
    failpoints.reach("after-commit")
