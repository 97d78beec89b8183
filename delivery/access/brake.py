"""The brake: the marketing mail of a team stops while too much of its mail bounces or is complained about.

What waits of it stays, until a person lets it go on. See docs/quotas.md.
"""

import logging
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet

from delivery.access import actor, audit, reputation
from delivery.access.pauses import Paused
from delivery.access.reputation import Reputation
from delivery.db import clock, pieces
from delivery.models import Email, Team

_WORDS: Final = (
    "The marketing mail of this API key's team is paused, because too much of its mail bounced or was complained "
    "about: none is taken, and what waits stays until a person resumes it. Other mail goes on."
)
logger = logging.getLogger(__name__)


def refuse(team: Team | None, purpose: str) -> None:
    """Raise Paused for marketing mail of a team that is braked; a team in memory knows within a second."""
    if team and team.marketing_paused_at and purpose == Email.Purpose.MARKETING:
        raise Paused(_WORDS)


def judge(team: int) -> None:
    """Pause a team's marketing mail if its reputation is ruinous, in the caller's transaction."""
    found = reputation.of(team)
    if not found.is_ruinous:
        return
    if Team.objects.filter(pk=team, marketing_paused_at=None).update(marketing_paused_at=clock.now()):
        with actor.acting(actor.SYSTEM):  # whoever told of the bounce
            audit.record("team.marketing_paused", "team", team, team=team, after=_shown(found))
        logger.warning("The marketing mail of team %s is paused: %s", team, said(found))


def lift(team: Team) -> bool:
    """Let a team's marketing mail go on, and count anew; tell whether it was paused.

    The deadlines of what waits move by the length of the pause: nothing is lost.
    """
    rows = Team.objects.filter(pk=team.pk, marketing_paused_at__isnull=False)
    since = rows.values_list("marketing_paused_at", flat=True).first()
    if since is not None:
        length = max(clock.now() - since, timedelta())  # the clock may have been set back since
        for some in pieces.keys(waiting_of(team)):
            Email.objects.filter(pk__in=some).update(expires_at=F("expires_at") + length)
    with transaction.atomic():
        lifted = bool(rows.filter(marketing_paused_at=since).update(marketing_paused_at=None))
        if lifted:
            audit.record("team.marketing_resumed", "team", team.pk, team=team, before={"paused_at": since})
            reputation.forget(team.pk)
    team.refresh_from_db(fields=["marketing_paused_at"])
    return lifted


def waiting_of(team: Team) -> QuerySet[Email]:
    """Return the marketing emails of a team that wait to be sent."""
    return Email.objects.waiting().order_by().filter(team=team, purpose=Email.Purpose.MARKETING)


def said(found: Reputation) -> str:
    """Return a reputation for a person."""
    return (
        f"of {found.recipients:,} recipients in 24 hours {found.bounce_rate:.1%} bounced "
        f"and {found.complaint_rate:.2%} complained"
    )


def _shown(found: Reputation) -> dict[str, object]:
    return {"recipients": found.recipients, "bounced": found.bounced, "complained": found.complained}
