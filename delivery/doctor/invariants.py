"""What must hold of every email, whatever crashed: each invariant is one statement about emails of one status.

One statement sees one state of the database, so that what is moving at the moment is never taken for broken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from delivery.doctor import repairs
from delivery.doctor.findings import Words
from delivery.models import Attempt, Email, Recipient
from delivery.models.email import NOT_SENT_YET

_Status, _To, _Outcome = Email.Status, Recipient.Status, Attempt.Outcome
_TAKEN = (_Status.SENT, _Status.PARTIAL)
_NOT_TAKEN = (*NOT_SENT_YET, _Status.FAILED, _Status.EXPIRED, _Status.CANCELLED)

# What may be known of a recipient while its email has this status. An email that is sent again is `sending` while its
# recipients are still in doubt.
FITTING: Mapping[str, tuple[str, ...]] = {
    _Status.SCHEDULED: (_To.PENDING,),
    _Status.QUEUED: (_To.PENDING,),
    _Status.SENDING: (_To.PENDING, _To.UNKNOWN),
    _Status.SENT: (_To.ACCEPTED,),
    _Status.PARTIAL: (_To.ACCEPTED, _To.REJECTED),
    _Status.FAILED: (_To.FAILED,),
    _Status.EXPIRED: (_To.EXPIRED,),
    _Status.CANCELLED: (_To.CANCELLED,),
    _Status.UNKNOWN: (_To.UNKNOWN,),
    _Status.QUARANTINED: (_To.FAILED, _To.UNKNOWN),
}


@dataclass(frozen=True, kw_only=True)
class Window:
    """Some emails of one status, that lie together in an index."""

    status: str
    after: UUID
    last: UUID

    def emails(self) -> QuerySet[Email]:
        """Return them."""
        return Email.objects.filter(status=self.status, pk__gt=self.after, pk__lte=self.last).order_by()

    def recipients(self) -> QuerySet[Recipient]:
        """Return the recipients of the email at hand."""
        return Recipient.objects.filter(**self._at_hand()).order_by()

    def attempts(self, *outcomes: str) -> QuerySet[Attempt]:
        """Return the attempts of the email at hand that came to this."""
        return Attempt.objects.filter(**self._at_hand(), outcome__in=outcomes).order_by()

    def _at_hand(self) -> dict[str, Any]:
        # The bounds say nothing new, but keep PostgreSQL from reading the whole table for each window.
        return {"email": OuterRef("pk"), "email_id__gt": self.after, "email_id__lte": self.last}


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """One invariant: which emails of a window break it, and what mends one."""

    words: Words
    breaks: Callable[[Window], Q]
    statuses: Sequence[str] = tuple(_Status)
    mend: Callable[[UUID], bool] = repairs.leave


def _without_recipients(window: Window) -> Q:
    return ~Q(Exists(window.recipients()))


def _with_open_attempts(window: Window) -> Q:
    started = window.attempts(_Outcome.STARTED)
    if window.status == _Status.SENDING:
        started = started.exclude(epoch=OuterRef("epoch"))
    return Q(Exists(started))


def _with_attempts_of_later_claims(window: Window) -> Q:
    return Q(Exists(window.attempts(*_Outcome).filter(epoch__gt=OuterRef("epoch"))))


def _accepted(window: Window) -> Q:
    return Q(Exists(window.attempts(_Outcome.ACCEPTED)))


def _in_doubt(window: Window) -> Q:
    return Q(Exists(window.attempts(_Outcome.UNKNOWN)))


def _accepted_by_nobody(window: Window) -> Q:
    """A person's word about an attempt stands in its outcome, also against the provider's late answer."""
    told = window.attempts(*_Outcome).exclude(settled_by="")
    return ~_accepted(window) & ~Q(Exists(told))


def _sent_twice_in_silence(window: Window) -> Q:
    may_have = window.attempts(_Outcome.ACCEPTED, _Outcome.UNKNOWN)
    another = Attempt.objects.filter(
        email=OuterRef("email"), outcome__in=(_Outcome.ACCEPTED, _Outcome.UNKNOWN), pk__gt=OuterRef("pk")
    )
    return Q(possible_duplicate=False) & Q(Exists(may_have.filter(Exists(another))))


def _forgotten(window: Window) -> Q:
    return Q(due_at=None)


def _with_recipients_that_do_not_fit(window: Window) -> Q:
    return Q(Exists(window.recipients().exclude(status__in=FITTING[window.status])))


# In the order in which they are mended: what is known of attempts first, then what follows for the email.
INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        words=Words(
            question="recipients",
            well="Every email has recipients.",
            broken="Emails without recipients",
            todo="Nobody can get them: find out what deleted rows of delivery_recipient, and restore a backup.",
        ),
        breaks=_without_recipients,
    ),
    Invariant(
        words=Words(
            question="open_attempts",
            well="Every attempt that has begun belongs to a claim that is running.",
            broken="Emails with an attempt that has begun, whose claim has ended",
            todo="`manage.py doctor --repair` says of such an attempt what is true: its outcome is unknown.",
        ),
        breaks=_with_open_attempts,
        mend=repairs.close_attempts,
    ),
    Invariant(
        words=Words(
            question="epochs",
            well="No attempt is of a later claim than its email has had.",
            broken="Emails with an attempt of a later claim than they have had",
            todo="Has an older backup of delivery_email been restored? What these emails say may be out of date.",
        ),
        breaks=_with_attempts_of_later_claims,
    ),
    Invariant(
        words=Words(
            question="accepted",
            well="What a provider has accepted is not sent again.",
            broken="Emails that a provider has accepted, and that may be sent again or count as not sent",
            todo="`manage.py doctor --repair` settles them as sent, unless they failed, expired or were cancelled.",
        ),
        breaks=_accepted,
        statuses=(*_NOT_TAKEN, _Status.UNKNOWN, _Status.QUARANTINED),
        mend=repairs.settle_as_sent,
    ),
    Invariant(
        words=Words(
            question="doubts",
            well="No email that may have been sent says that it was not.",
            broken="Emails that may have been sent, although they say that they were not",
            todo="`manage.py doctor --repair` puts those that are waiting in doubt, so that a second copy is marked. "
            "Of the others, look the attempt up at the provider.",
        ),
        breaks=_in_doubt,
        statuses=_NOT_TAKEN,
        mend=repairs.put_in_doubt,
    ),
    Invariant(
        words=Words(
            question="acceptance",
            well="Every email that is sent has an attempt that a provider accepted.",
            broken="Emails that are sent, although no provider accepted them",
            todo="Look them up at the provider before you believe them; `emails/{id}/resend/` sends one again.",
        ),
        breaks=_accepted_by_nobody,
        statuses=_TAKEN,
    ),
    Invariant(
        words=Words(
            question="duplicates",
            well="Whatever may have been sent twice says so.",
            broken="Emails that may have been sent twice and do not say so",
            todo="`manage.py doctor --repair` marks them.",
        ),
        breaks=_sent_twice_in_silence,
        mend=repairs.mark_duplicate,
    ),
    Invariant(
        words=Words(
            question="forgotten",
            well="Whatever is waiting has a time at which it is sent.",
            broken="Emails that are waiting without a time: no worker will ever look at them",
            todo="`manage.py doctor --repair` makes those due that are `queued`; give those that are `scheduled` a new "
            "time by PATCH, or cancel them.",
        ),
        breaks=_forgotten,
        statuses=NOT_SENT_YET,
        mend=repairs.make_due,
    ),
    Invariant(
        words=Words(
            question="recipient_states",
            well="What is known of every recipient fits what is known of its email.",
            broken="Emails whose recipients' states contradict their own",
            todo="`manage.py doctor --repair` settles recipients that are open although the email is finished; any "
            "other contradiction needs a person, who believes the attempts.",
        ),
        breaks=_with_recipients_that_do_not_fit,
        mend=repairs.settle_recipients,
    ),
)  # fmt: skip
