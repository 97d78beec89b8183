"""Sending many emails again: how many may go twice is told before, each is taken like any other, and once."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from delivery.access import audit
from delivery.access.limits import Over
from delivery.access.pauses import Paused
from delivery.content.links import NotSetUp
from delivery.content.templates import Unwritable
from delivery.files.refused import FileRefused
from delivery.models import ApiKey, Email, Team
from delivery.models.email import FINISHED
from delivery.routing.configured import NobodyCanCarry
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import changes, idempotency
from delivery.submission import wanted as selection
from delivery.submission.backpressure import Overloaded
from delivery.submission.idempotency import KeyUse
from delivery.submission.wanted import Wanted

MOST: Final = 500  # at once
STATUSES: Final = (*FINISHED, "unknown")  # of emails that can be sent again
REFUSALS: Final = (
    *(changes.TooLate, changes.ContentGone, AllSuppressed, Over, Paused, Overloaded),
    *(NobodyCanCarry, FileRefused, NotSetUp, Unwritable),
)
_PATIENCE: Final = 20.0  # seconds that somebody waits for
_GIVEN_UP: Final = 3 * _PATIENCE  # seconds after which an order without an end has none to come
_SHOWN: Final = 10


class OtherNumber(Exception):
    """There are more or fewer emails than was confirmed."""

    def __init__(self, count: int) -> None:
        super().__init__(f"The filter finds {count:,} email{'s' * (count != 1)} by now; confirm that number.")


class SentAgain(changes.TooLate):
    """Somebody has sent it again meanwhile."""


@dataclass(frozen=True, kw_only=True)
class One:
    """What became of one: the new email, or why there is none."""

    of: UUID
    result: Email | Exception


@dataclass(kw_only=True)
class Done:
    """What became of an order to send many again."""

    each: list[One] = field(default_factory=list)
    left: int = 0  # not come to in time

    @property
    def sent(self) -> int:
        """Return how many are sent again."""
        return sum(isinstance(one.result, Email) for one in self.each)

    def refused(self, why: Callable[[Exception], str]) -> Counter[str]:
        """Return how many were refused, by the reason in words."""
        return Counter(why(one.result) for one in self.each if isinstance(one.result, Exception))


@dataclass(frozen=True, kw_only=True)
class Order:
    """How they are sent again."""

    key: ApiKey | None = None  # which sends them
    use: KeyUse | None = None  # of the client's key, by the order as a whole
    uses: Sequence[KeyUse | None] = ()  # of it, by the place in the order
    record: Callable[[], None] = lambda: None  # called in the transaction of the first one


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an order would be about."""

    keys: list[UUID]  # the oldest first, so that what comes meanwhile changes none of them
    more: bool  # than fit in one order
    twice: int  # of them may reach somebody twice
    sample: list[Email]


def matching(team: Team | None, wanted: Wanted, key: ApiKey | None) -> QuerySet[Email]:
    """Return what can be sent again of a team's emails that match, and that this key could send."""
    mine = selection.among(Email.objects.owned_by(team), wanted)
    return possible(selection.that_may_be_sent_by(key, mine)).order_by("id")


def possible(emails: QuerySet[Email]) -> QuerySet[Email]:
    """Keep what can be sent again, and has not been already."""
    over = Q(status__in=FINISHED) | Q(status=Email.Status.UNKNOWN, due_at=None)
    return emails.filter(over).exclude(Exists(Email.objects.filter(resend_of=OuterRef("pk"))))


def that_may_arrive_twice(emails: QuerySet[Email]) -> QuerySet[Email]:
    """Keep what somebody has got, or may have got, already."""
    return emails.filter(status__in=changes.RECEIVED)


def preview(emails: QuerySet[Email]) -> Preview:
    """Return which of these an order would be about."""
    keys = list(emails.values_list("pk", flat=True)[: MOST + 1])
    meant = keys[:MOST]
    shown = Email.objects.filter(pk__in=meant[:_SHOWN]).defer("text_body", "html_body")
    return Preview(
        keys=meant,
        more=len(keys) > MOST,
        twice=that_may_arrive_twice(Email.objects.filter(pk__in=meant)).count(),
        sample=list(shown.order_by("id").prefetch_related("recipients")),
    )


def resend_matching(team: Team | None, wanted: Wanted, count: int, order: Order) -> Done:
    """Send what matches again, with one entry in the audit; a repeated order answers what became of the first.

    Raises OtherNumber unless so many are found as were confirmed, StillRunning while the first is being worked on.
    """
    if known := _known(count, order):
        return known
    found = preview(matching(team, wanted, order.key))
    if len(found.keys) == count:
        with idempotency.alone(order.use, found.keys[0], seconds=_GIVEN_UP):
            return resend_all(found.keys, order)
    if known := _known(count, order):  # the first has begun meanwhile
        return known
    raise OtherNumber(len(found.keys))


def _known(count: int, order: Order) -> Done | None:
    """Return what became of the first order with this key; None if this is the first."""
    idempotency.refuse_running(order.use, seconds=_GIVEN_UP)
    known = idempotency.find_each([use for use in order.uses if use])
    each = [One(of=one.resend_of, result=one) for one in known if one.resend_of]
    return Done(each=each, left=count - len(known)) if known else None


def resend_all(keys: Sequence[UUID], order: Order) -> Done:
    """Send these again, the oldest first, each in a transaction of its own; what is refused is told for each."""
    done, until = Done(), time.monotonic() + _PATIENCE
    for number, pk in enumerate(sorted(keys)[:MOST]):
        if time.monotonic() > until:
            done.left = len(keys) - number
            break
        record = (lambda: None) if done.sent else order.record
        done.each.append(_once(pk, order, order.uses[number] if order.uses else None, record))
    return done


def _once(pk: UUID, order: Order, use: KeyUse | None, record: Callable[[], None]) -> One:
    """Send one again unless somebody has just done so."""

    def in_transaction() -> None:
        refuse_another(pk, known=0)
        record()

    try:
        email = possible(Email.objects.filter(pk=pk)).select_related("team").first()
        if email is None:
            raise SentAgain
        new = changes.resend(email, key=order.key, key_use=use, in_transaction=in_transaction)
        return One(of=pk, result=new)
    except REFUSALS as refusal:
        return One(of=pk, result=refusal)


def refuse_another(pk: UUID, *, known: int) -> None:
    """Raise SentAgain unless it has been sent again so often; whoever is at it holds its row until the commit."""
    list(Email.objects.filter(pk=pk).order_by().select_for_update().values_list("pk"))
    if Email.objects.filter(resend_of=pk).count() != known:
        raise SentAgain


def on_record(emails: QuerySet[Email], keys: list[UUID], asked: dict[str, str]) -> None:
    """Note in the audit of each team what was ordered; every email has its own entry beside."""
    teams = Counter(emails.filter(pk__in=keys).order_by().values_list("team", flat=True))
    with transaction.atomic():
        for team, count in teams.items():
            after = {"filter": asked, "count": count}
            audit.record("emails.resent", "emails", "", team=team, after=after)
