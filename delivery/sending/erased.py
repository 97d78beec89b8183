"""A late answer about an email whose recipient was erased meanwhile: the vendor's words may quote the address."""

from dataclasses import replace

from delivery.content import tombstones
from delivery.models import Attempt, Email, Recipient
from delivery.sending.outcomes import Outcome


def hide(email: Email, outcome: Outcome, last: Attempt) -> Outcome:
    """Replace the address in the attempt, in memory, and return the outcome without it."""
    names = Recipient.objects.filter(email=email, canonical__startswith=tombstones.PREFIX)
    if not (erased := set(names.values_list("canonical", flat=True))):
        return outcome
    last.detail, last.reason = (tombstones.hidden(text, erased) for text in (last.detail, last.reason))
    return replace(outcome, reason=tombstones.hidden(outcome.reason, erased))
