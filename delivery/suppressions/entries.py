"""Entries: an address is suppressed for a cause, and let go again; always in the transaction of what caused it."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from delivery.access import audit
from delivery.content import addresses
from delivery.db import clock, ids
from delivery.db.text import storable
from delivery.models import Suppression
from delivery.models.suppression import ALL, MARKETING
from delivery.suppressions import erased, lookup, screening, soft_bounces, upsert
from delivery.webhooks import outbox
from delivery.webhooks.outbox import Notice

SOFT_BOUNCED: Final = timedelta(days=14)  # how long repeated soft bounces keep an address out
Kind = Suppression.Kind


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A reason to suppress an address, as somebody reported it once."""

    team_id: int | None  # whose emails it keeps out; None: everybody's
    address: str
    kind: str  # of Suppression.Kind
    scope: str = ALL  # all, marketing, list:<name>
    source: str  # a provider's name in GOMAIL_PROVIDERS, or api, admin, csv, link
    event_id: UUID | None = None
    reason: str = ""  # for a person
    at: datetime
    expires_at: datetime | None = None  # None: never
    by: str = ""  # the person or key that entered it


def add(findings: Sequence[Finding]) -> list[Suppression]:
    """Suppress addresses, in the caller's transaction; return the entries that are new. Repeats are counted.

    An entry that has expired is over: a new finding makes a new one. One that had expired already makes none.
    """
    now = clock.now()
    rows = _merged([finding for finding in findings if not _is_over(finding, now)])
    if not rows:
        return []
    Suppression.objects.filter(address__in={row.address for row in rows}, expires_at__lte=now).delete()
    new = upsert.run(rows)
    _changed()
    outbox.enqueue([_notice("suppression.added", entry) for entry in new])
    return new


def enter(finding: Finding) -> tuple[Suppression, bool]:
    """Suppress an address for a person or a key; return its entry, and whether it is new."""
    with transaction.atomic():
        new = bool(add([finding]))
        entry = find(finding)
        action = "suppression.added" if new else "suppression.repeated"
        audit.record(action, "suppression", entry.address, team=entry.team_id, after=_told([entry]))
    return entry, new


def let_go(entries: Sequence[Suppression], *, by: str, reason: str) -> list[Suppression]:
    """End entries of one address for a person or a key; return those that were still there."""
    with transaction.atomic():
        ended = end(entries, by=by, reason=reason)
        if ended:
            where, team = ended[0].address, ended[0].team_id
            told = {"before": _told(ended), "after": {"reason": reason}}
            audit.record("suppression.removed", "suppression", where, team=team, **told)
    return ended


def find(finding: Finding) -> Suppression:
    """Return the entry that a finding has become, or has been counted in."""
    (row,) = _merged([finding])
    return Suppression.objects.get(team=row.team_id, address=row.address, kind=row.kind, scope=row.scope)


def lift(  # noqa: PLR0913 - which entries, and what is told of their end
    team_id: int | None, address: str, kinds: Collection[str], *, by: str, reason: str, scope: str = ""
) -> int:
    """Let an address go that this team's entries of these kinds keep out; return how many ended.

    The caller holds the transaction. An entry for all is ended by `team_id=None` alone. `scope`: of the entries to be
    ended; empty: of any.
    """
    given = {"team_id": team_id, "address__in": lookup.known_as(address), "kind__in": kinds}
    given |= {"scope": scope} if scope else {}
    return len(end(list(Suppression.objects.filter(**given)), by=by, reason=reason))


def end(entries: Sequence[Suppression], *, by: str, reason: str) -> list[Suppression]:
    """Delete entries in the caller's transaction; return those that were still there."""
    ended = [entry for entry in entries if Suppression.objects.filter(pk=entry.pk).delete()[0]]
    outbox.enqueue([_notice("suppression.removed", entry, by=by, reason=reason) for entry in ended])
    return ended


def scope_of(kind: str, scope: str) -> str:
    """Return the scope; who unsubscribes from all leaves what was not asked for: no receipts, no sign-in codes."""
    return MARKETING if kind == Kind.UNSUBSCRIBE and scope == ALL else scope


def note_soft_bounce(  # noqa: PLR0913 - the facts of a Finding, which it does not become at once
    team_id: int | None,
    address: str,
    at: datetime,
    *,
    source: str,
    event_id: UUID | None = None,
    reason: str = "",
) -> Suppression | None:
    """Count a soft bounce that was final; three on three days within 30 suppress the address for 14 days.

    The caller holds the transaction. Returns the entry if this bounce made one; the count then begins anew.
    """
    address = addresses.canonical(address.strip())
    address = erased.names([address], team_id).get(address, address)
    if not soft_bounces.count(team_id, address, at):
        return None
    finding = Finding(
        team_id=team_id,
        address=address,
        kind=Kind.HARD_BOUNCE,
        source=source,
        event_id=event_id,
        reason=f"Soft bounces on {soft_bounces.DAYS} days within {soft_bounces.WINDOW.days}. {reason}".strip(),
        at=at,
        expires_at=at + SOFT_BOUNCED,
    )
    return next(iter(add([finding])), None)


def _is_over(finding: Finding, now: datetime) -> bool:
    return finding.expires_at is not None and finding.expires_at <= now


def _merged(findings: Sequence[Finding]) -> list[Suppression]:
    """Return a row for each entry, in one order in all processes: rows are locked as they are written."""
    rows: dict[tuple[str, int, str, str], Suppression] = {}
    for row in _hidden([_row(finding) for finding in findings]):
        known = rows.setdefault((row.address, row.team_id or 0, row.kind, row.scope), row)
        if known is not row:
            _count(known, row)
    return [rows[key] for key in sorted(rows)]


def _hidden(rows: Sequence[Suppression]) -> Iterator[Suppression]:
    """Yield the rows, those of erased people under their tombstones, whoever tells of them again."""
    teams = {row.team_id for row in rows}
    named = {team: erased.names({row.address for row in rows if row.team_id == team}, team) for team in teams}
    for row in rows:
        if name := named[row.team_id].get(row.address):
            row.reason = re.sub(re.escape(row.address), name, row.reason, flags=re.IGNORECASE)
            row.address = name
        yield row


def _row(finding: Finding) -> Suppression:
    return Suppression(
        id=ids.uuid7(),
        team_id=finding.team_id,
        address=addresses.canonical(finding.address.strip()),
        kind=finding.kind,
        scope=scope_of(finding.kind, finding.scope),
        source=finding.source,
        event_id=finding.event_id,
        reason=storable(finding.reason),
        by=finding.by,
        first_seen=finding.at,
        last_seen=finding.at,
        expires_at=finding.expires_at,
    )


def _count(known: Suppression, repeat: Suppression) -> None:
    known.count += 1
    known.first_seen = min(known.first_seen, repeat.first_seen)
    known.last_seen = max(known.last_seen, repeat.last_seen)
    both = known.expires_at, repeat.expires_at
    known.expires_at = None if None in both else max(filter(None, both))


def _told(entries: Sequence[Suppression]) -> dict[str, Any]:
    """Return what the audit keeps of entries of one address."""
    names = ("id", "kind", "scope", "source", "reason", "expires_at")
    return {"address": entries[0].address, "entries": [audit.values(entry, names) for entry in entries]}


def _notice(kind: str, entry: Suppression, **changes: str) -> Notice:
    names = ("id", "address", "kind", "scope", "source", "reason")
    data = {name: getattr(entry, name) for name in names}
    return Notice(kind=kind, team_id=entry.team_id, data={**data, **changes})


def _changed() -> None:
    """Let the next offer see it: at once in this transaction, and in the other threads once it is committed."""
    screening.forget()
    transaction.on_commit(screening.forget)
