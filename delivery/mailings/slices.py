"""Slices: emails made of the next recipients, in the transaction that moves these.

Everything that takes time is done before: the emails are written in memory. A process that is killed anywhere has made
a slice wholly or not at all, and who is not `waiting` any more is never made another email of.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from delivery import bundles
from delivery.access import limits, terms
from delivery.audience import belonging, forgotten
from delivery.bundles import Bundle
from delivery.content import tombstones
from delivery.content.addresses import canonical
from delivery.content.drafts import Draft
from delivery.content.templates import Unwritable
from delivery.counting import counters
from delivery.db import clock, compiled
from delivery.db.compiled import Parameter
from delivery.files import holds
from delivery.mailings import check, choosing, claims
from delivery.mailings.content import Writer
from delivery.mailings.pace import Pace
from delivery.models import Contact, Mailing, MailingRecipient, Suppression
from delivery.sending import suppressed
from delivery.suppressions import screening
from providers import failpoints

MOST: Final = 250  # recipients
State = MailingRecipient.State
End = tuple[str, str]  # a state, and its reason


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What becomes of some recipients."""

    made: dict[int, Bundle] = field(default_factory=dict)  # by recipient
    ended: dict[int, End] = field(default_factory=dict)  # nobody writes to these
    seen: list[MailingRecipient] = field(default_factory=list)  # with those that have no turn yet

    @property
    def passed(self) -> list[MailingRecipient]:
        """Those that have no turn yet."""
        return [row for row in self.seen if row.pk not in self.made and row.pk not in self.ended]


def write(
    mailing: Mailing, writer: Writer, rows: Sequence[MailingRecipient], pace: Pace, seconds: float
) -> Slice:
    """Write the emails of these recipients in memory, as many as the time allows, one at least."""
    found, until = Slice(), time.monotonic() + seconds
    facts = _facts(mailing, writer, rows)
    for row in rows:
        contact, domain = facts.contacts.get(row.contact_id), choosing.domain(row.address)
        if end := facts.end(row):
            found.ended[row.pk] = end
        elif contact and (due_at := pace.turn(domain)):
            try:
                draft = replace(writer.draft(row, contact), send_at=due_at)
                found.made[row.pk] = _bundle(mailing, draft)
            except Unwritable as fault:
                found.ended[row.pk] = (State.FAILED, check.reason(fault))
        elif domain not in mailing.domain_rates:
            break  # the mailing itself has no turn, and this one stays the next
        found.seen.append(row)
        if time.monotonic() > until:
            break
    return found


@holds.until_saved()
def store(mailing: Mailing, found: Slice, changes: Mapping[str, Any]) -> None:
    """Store a slice and what the mailing has come to by it, or nothing.

    Raises claims.Lost, or limits.Over: then it has to wait.
    """
    begun, accounts = time.monotonic(), terms.accounts(mailing.team, mailing.key)
    asked = limits.ask(accounts, list(found.made.values()))
    for bundle in found.made.values():
        bundle.keep_files()
    with transaction.atomic():
        claims.hold(mailing)
        made = _still_there(found)
        limits.take(asked)
        bundles.save_all(list(made.values()))
        _QUEUED.run_together([{"pk": pk, "email": bundle.email.pk} for pk, bundle in made.items()])
        _store_ends(mailing, found.ended)
        claims.advance(mailing, **changes)
        failpoints.reach("in-slice")
    counters.accepted([bundle.email.priority for bundle in made.values()], time.monotonic() - begun)
    failpoints.reach("after-slice")


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What is known of some recipients, asked for all of them at once."""

    contacts: Mapping[UUID | None, Contact]
    out: Mapping[str, Suppression]  # by canonical address
    gone: Mapping[UUID, str]  # why a contact gets nothing any more
    forgotten: Collection[str]  # addresses of people who are being erased

    def end(self, row: MailingRecipient) -> End | None:
        """Return what becomes of a recipient whom nobody may write to; None: somebody may."""
        contact = self.contacts.get(row.contact_id)
        if contact is None:
            return State.UNSUBSCRIBED, belonging.NO_CONTACT
        if contact.email_key in self.forgotten or tombstones.is_one(contact.email_key):
            return State.SUPPRESSED, suppressed.ERASED
        if entry := self.out.get(canonical(row.address)):
            left = entry.kind == Suppression.Kind.UNSUBSCRIBE
            return (State.UNSUBSCRIBED if left else State.SUPPRESSED), suppressed.reason(entry)
        why = self.gone.get(contact.pk)
        return (State.UNSUBSCRIBED, why) if why else None


def _facts(mailing: Mailing, writer: Writer, rows: Sequence[MailingRecipient]) -> _Facts:
    contacts: dict[UUID | None, Contact] = {}
    contacts.update(Contact.objects.in_bulk([row.contact_id for row in rows if row.contact_id]))
    return _Facts(
        contacts=contacts,
        out=screening.kept_out(writer.mail, [canonical(row.address) for row in rows]),
        gone=belonging.hindrances(mailing.group, contacts.values()) if mailing.group else {},
        forgotten=forgotten.among({each.email_key for each in contacts.values()}, mailing.team_id),
    )


def _bundle(mailing: Mailing, draft: Draft) -> Bundle:
    bundle = bundles.waiting(draft, mailing.team, mailing.key)
    bundle.email.mailing_id = mailing.pk
    return bundle


def _still_there(found: Slice) -> dict[int, Bundle]:
    """Return the emails without those of contacts that were deleted while they were written."""
    rows = MailingRecipient.objects.order_by().filter(pk__in=list(found.made), contact__isnull=False)
    there = set(rows.filter(state=State.WAITING).values_list("pk", flat=True))
    return {pk: bundle for pk, bundle in found.made.items() if pk in there}


def _store_ends(mailing: Mailing, ended: Mapping[int, End]) -> None:
    waiting = MailingRecipient.objects.order_by().filter(mailing=mailing, state=State.WAITING)
    for (state, reason), pks in _alike(ended):
        waiting.filter(pk__in=pks).update(state=state, reason=reason, at=clock.now())


def _alike(ended: Mapping[int, End]) -> Iterator[tuple[End, list[int]]]:
    by_end: dict[End, list[int]] = {}
    for pk, end in ended.items():
        by_end.setdefault(end, []).append(pk)
    yield from by_end.items()


def _queueing() -> compiled.Change:
    row = MailingRecipient.objects.order_by().filter(pk=Parameter("pk"))
    return row, {"state": State.QUEUED, "reason": "", "email": Parameter("email")}


_QUEUED = compiled.Update(_queueing)
