"""What is left to write down of a mailing that was cancelled: nobody of it waits any more."""

from typing import Final

from django.db import transaction

from delivery.audience import results
from delivery.db import clock
from delivery.mailings import claims
from delivery.models import Email, Mailing, MailingRecipient
from delivery.submission import cancelling

_CHUNK: Final = 5_000
State = MailingRecipient.State


def step(mailing: Mailing) -> bool:
    """Cancel a chunk of what waits; tell whether there may be more at once."""
    if _cancel_some(mailing):
        return True
    queued = MailingRecipient.objects.order_by().filter(mailing=mailing, state=State.QUEUED)
    cancelling.cancel_all(Email.objects.waiting().order_by().filter(pk__in=queued.values("email")))
    results.follow_queued(mailing)
    if not queued.exists():
        _finish(mailing)
    claims.renew(mailing)
    return False


def _cancel_some(mailing: Mailing) -> bool:
    waiting = MailingRecipient.objects.filter(mailing=mailing, state=State.WAITING).order_by("pk")
    some = list(waiting.values_list("pk", flat=True)[:_CHUNK])
    if some:
        with transaction.atomic():
            claims.hold(mailing)
            chunk = waiting.order_by().filter(pk__gte=some[0], pk__lte=some[-1])
            chunk.update(state=State.CANCELLED, reason="", at=clock.now())
            claims.advance(mailing)
    return bool(some)


def _finish(mailing: Mailing) -> None:
    with transaction.atomic():
        claims.hold(mailing)
        claims.advance(mailing, finished_at=clock.now(), pace=0.0)
        claims.give_back(mailing)
    raise claims.Lost
