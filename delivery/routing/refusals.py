"""Refusals of senders as their teams know them: what one team's mail has met is no other team's knowledge."""

from datetime import datetime, timedelta

from delivery.db import ids
from delivery.models import Attempt, Circuit, Team
from delivery.routing import circuit_cache
from providers.errors import SenderRefused

_LONGEST_ATTEMPT = timedelta(minutes=5)  # one that opened a circuit began no longer before


def own_sender(team: Team | None, provider: str, sender: str) -> str:
    """Return the sender if this team's mail has met its refusal; empty, which tells nothing, if others' mail has."""
    known = [circuit for circuit in circuit_cache.of(provider, sender) if circuit.sender_domain]
    return sender if known and all(_was_met_by(team, circuit) for circuit in known) else ""


def _was_met_by(team: Team | None, circuit: Circuit) -> bool:
    refused = Attempt.objects.filter(
        provider=circuit.provider, error=SenderRefused.kind, id__gte=ids.floor(_since(circuit))
    )
    address = circuit.sender_domain
    its = (
        {"email__from_address__iexact": address}
        if "@" in address
        else {"email__from_address__iendswith": f"@{address}"}
    )
    return refused.filter(email__team=team, **its).exists()


def _since(circuit: Circuit) -> datetime:
    return circuit.changed_at - _LONGEST_ATTEMPT
