"""Accepts an email for a worker, or hands it over while the client waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction

from delivery import bundles
from delivery.access import brake, limits, pauses, terms
from delivery.access.limits import Asked, Over
from delivery.bundles import Bundle
from delivery.content.drafts import Draft
from delivery.counting import context, counters
from delivery.files import holds
from delivery.models import ApiKey, Email, Team
from delivery.queue import notifier
from delivery.routing import configured
from delivery.routing.gate import Gate
from delivery.routing.governor import Permit
from delivery.sending import attempts, outcomes, rounds, scanning, suppressed, transitions
from delivery.submission import backpressure, composing, idempotency
from delivery.submission.idempotency import KeyUse
from providers import failpoints


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who sends: a team, by one of its keys; neither where no key is required."""

    team: Team | None
    key: ApiKey | None = None


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Until when all emails of one request may occupy what they share."""

    scan: float  # the virus scanner, see scanning.deadline
    write: float  # this thread's time on the processor, for templates: see composing.deadline


@dataclass(frozen=True, kw_only=True)
class Again:
    """What an email is a resend of."""

    of: UUID
    in_transaction: Callable[[], None]  # raises if it must not be sent again


def bounds() -> Bounds:
    """Return the bounds of a request that begins now."""
    return Bounds(scan=scanning.deadline(), write=composing.deadline())


def accept(
    draft: Draft,
    *,
    team: Team | None,
    key: ApiKey | None = None,
    key_use: KeyUse | None = None,
    again: Again | None = None,
) -> Email:
    """Accept an email for a worker to hand over, now or at its time.

    Raises Overloaded, NobodyCanCarry, AllSuppressed, FileRefused, links.NotSetUp, templates.Unwritable, Paused or Over
    before anything is stored.
    """
    client, until = Client(team=team, key=key), bounds()
    return _made_once(key_use, lambda: _accept(draft, client, key_use, again, until))


def accept_one_of_many(draft: Draft, *, client: Client, key_use: KeyUse | None, until: Bounds) -> Email:
    """Do the same, within the bounds of all of them."""
    return _made_once(key_use, lambda: _accept(draft, client, key_use, None, until))


def send(
    draft: Draft,
    *,
    team: Team | None,
    key: ApiKey | None = None,
    key_use: KeyUse | None = None,
    accepted: Callable[[Email], None] = lambda _: None,
) -> Email:
    """Accept a draft and hand it over while the caller waits; call `accepted` once the email is durable.

    The email and its first attempt are stored in one transaction before the provider is called, the outcome in another
    one after it. Raises as `accept` does, before anything is stored.
    """
    client = Client(team=team, key=key)
    return _made_once(key_use, lambda: _send(draft, client, key_use, accepted))


def _made_once(key_use: KeyUse | None, make: Callable[[], Email]) -> Email:
    """Return the email that an earlier request with this key made, or else a new one."""
    if key_use and (known := idempotency.find(key_use)):
        return known
    try:
        with holds.until_saved():
            return make()
    except (idempotency.Taken, Over):  # Over: by the first request of two with this key
        if key_use and (known := idempotency.find(key_use)):
            return known
        raise


def _accept(
    draft: Draft, client: Client, key_use: KeyUse | None, again: Again | None, until: Bounds
) -> Email:
    begun = time.monotonic()
    pauses.refuse(client.team, client.key)
    brake.refuse(client.team, draft.purpose)
    backpressure.refuse_if_too_high(draft.priority, client.team)
    composed = composing.composed(draft, client.team, until.write)
    bundle = bundles.waiting(composed, client.team, client.key)
    bundle.email.resend_of = again.of if again else None
    context.note(email=bundle.email.pk)
    if refusal := suppressed.refusals([bundle])[0]:
        raise refusal
    _, bundle.email.left_out = configured.eligible(bundle.message())
    asked = limits.ask(terms.accounts(client.team, client.key), [bundle])
    bundle.email.reason = scanning.check(bundle, until.scan)
    bundle.keep_files()
    with transaction.atomic():
        _save(bundle, key_use, asked, again)
        notifier.notify([bundle.email])
    counters.accepted([draft.priority], time.monotonic() - begun)
    failpoints.reach("after-commit")
    return bundle.email


def _save(bundle: Bundle, key_use: KeyUse | None, asked: Asked | None, again: Again | None = None) -> None:
    """Insert an email; the key first, so that of two requests with one key the second fails here, and costs nothing.

    The caller holds the transaction.
    """
    if key_use:
        idempotency.bind([(key_use, bundle.email)])
    if again:
        again.in_transaction()
    limits.take(asked)
    bundle.save()
    failpoints.reach("in-accept")


def _send(draft: Draft, client: Client, key_use: KeyUse | None, accepted: Callable[[Email], None]) -> Email:
    begun = time.monotonic()
    pauses.refuse(client.team, client.key)
    brake.refuse(client.team, draft.purpose)
    backpressure.refuse_if_too_high(draft.priority, client.team)
    bundle = bundles.claimed(composing.composed(draft, client.team), client.team, client.key)
    context.note(email=bundle.email.pk)
    left = suppressed.mark(bundle)
    email, message = bundle.email, bundle.message()
    able, email.left_out = configured.eligible(message)
    asked = limits.ask(terms.accounts(client.team, client.key), [bundle])
    unscanned = scanning.check(bundle, scanning.deadline())
    message = replace(message, attachments=bundle.keep_files())
    gate = Gate(email, able, recipients=len(message.recipients), permit=Permit(stays=False))
    first = None if unscanned else gate.next()
    if first is None:
        transitions.apply(email, outcomes.wait(unscanned, rounds=1) if unscanned else rounds.postponed(gate))
        with transaction.atomic():
            _save(bundle, key_use, asked)
            suppressed.tell(email, left)
        counters.accepted([draft.priority], time.monotonic() - begun)
        return email
    try:
        with transaction.atomic():
            _save(bundle, key_use, asked)
            suppressed.tell(email, left)
            attempt = attempts.write(email, first)
    except Exception:  # nobody was asked
        gate.release()
        raise
    counters.accepted([draft.priority], time.monotonic() - begun)
    holds.let_go()
    failpoints.reach("after-commit")
    accepted(email)
    return rounds.hand_over(rounds.Round(email=email, message=message, gate=gate, first=first), attempt)
