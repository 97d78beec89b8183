"""Events about erased people are kept under the tombstone, as their emails are; what came raw is not kept.

Nothing is asked where nobody was ever erased.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from delivery.content import tombstones
from delivery.events.matching import Told
from delivery.models import ProviderEvent, Recipient
from delivery.suppressions import erased


def hide(told: Sequence[Told]) -> None:
    """Replace the address in the rows of new events, in the caller's transaction; the recipients are not found yet."""
    of_team: dict[int | None, list[Told]] = defaultdict(list)
    for each in told:
        if each.row.recipient:
            of_team[each.attempt.email.team_id if each.attempt else None].append(each)
    for team_id, several in of_team.items():
        names = erased.names({each.row.recipient for each in several}, team_id)
        if names:
            _hide([each.row for each in several if each.row.recipient in names], names)


def _hide(rows: Sequence[ProviderEvent], names: Mapping[str, str]) -> None:
    """Hide those whose email has no such recipient any more; one that was written to anew has."""
    emails = {row.email_id for row in rows if row.email_id}
    found = Recipient.objects.filter(email__in=emails, canonical__in=list(names))
    written_to: set[tuple[UUID | None, str]] = set(found.values_list("email", "canonical"))
    for row in rows:
        if (row.email_id, row.recipient) not in written_to:
            _put_away(row, names[row.recipient])


def _put_away(row: ProviderEvent, tombstone: str) -> None:
    row.reason = re.sub(re.escape(row.recipient), tombstone, row.reason, flags=re.IGNORECASE)
    row.key = tombstones.of(row.key)[
        0
    ]  # as the erasure has made of those before: a repeat is still the same event
    row.recipient, row.raw = tombstone, {}
