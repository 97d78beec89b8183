"""The invariants of every email, whatever crashed: each is checked by one query on the emails of one status.

One query sees one snapshot of the database, so an email that is moving at the moment is never taken for broken.
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

# The statuses that a recipient may have while its email has this status, beside what events have told. An email being
# sent again is `sending` while its recipients are still unknown; an event may come before the answer of its attempt.
FITTING: Mapping[str, tuple[str, ...]] = {
    _Status.SCHEDULED: (_To.PENDING,),
    _Status.QUEUED: (_To.PENDING,),
    _Status.SENDING: (_To.PENDING, _To.UNKNOWN, _To.ACCEPTED),
    _Status.SENT: (_To.ACCEPTED,),
    _Status.PARTIAL: (_To.ACCEPTED,),
    _Status.FAILED: (_To.FAILED,),
    _Status.EXPIRED: (_To.EXPIRED,),
    _Status.CANCELLED: (_To.CANCELLED,),
    _Status.UNKNOWN: (_To.UNKNOWN,),
    _Status.QUARANTINED: (_To.FAILED, _To.UNKNOWN),
}
TOLD = (_To.DEFERRED, _To.DELIVERED, _To.BOUNCED, _To.COMPLAINED, _To.SUPPRESSED, _To.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A range of emails of one status, consecutive in an index."""

    status: str
    after: UUID
    last: UUID

    def emails(self) -> QuerySet[Email]:
        """Return the emails of the range."""
        return Email.objects.filter(status=self.status, pk__gt=self.after, pk__lte=self.last).order_by()

    def recipients(self) -> QuerySet[Recipient]:
        """Return the recipients of the email of the outer query."""
        return Recipient.objects.filter(**self._of_outer()).order_by()

    def attempts(self, *outcomes: str) -> QuerySet[Attempt]:
        """Return the attempts with these outcomes of the email of the outer query."""
        return Attempt.objects.filter(**self._of_outer(), outcome__in=outcomes).order_by()

    def _of_outer(self) -> dict[str, Any]:
        # The bounds are redundant, but keep PostgreSQL from reading the whole table for each window.
        return {"email": OuterRef("pk"), "email_id__gt": self.after, "email_id__lte": self.last}


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """One invariant: the condition of emails that break it, and the repair of one."""

    words: Words
    breaks: Callable[[Window], Q]
    statuses: Sequence[str] = tuple(_Status)
    repair: Callable[[UUID], bool] = repairs.leave


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
    """A person's decision sets the attempt's outcome, even against the provider's late answer."""
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
    return Q(Exists(window.recipients().exclude(status__in=(*FITTING[window.status], *TOLD))))


# In the order of repair: attempts first, then what follows for the email.
INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        words=Words(
            question="recipients",
            well="Every email has recipients.",
            broken="Emails without recipients",
            todo="They reach nobody: find out what deleted rows of delivery_recipient, and restore a backup.",
        ),
        breaks=_without_recipients,
    ),
    Invariant(
        words=Words(
            question="open_attempts",
            well="Every open attempt belongs to a current claim.",
            broken="Emails with an open attempt whose claim has ended",
            todo="`manage.py doctor --repair` closes such an attempt by the journal, or else as unknown.",
        ),
        breaks=_with_open_attempts,
        repair=repairs.close_attempts,
    ),
    Invariant(
        words=Words(
            question="epochs",
            well="No attempt has a higher epoch than its email.",
            broken="Emails with an attempt of a higher epoch than their own",
            todo="Has an older backup of delivery_email been restored? These emails may be out of date.",
        ),
        breaks=_with_attempts_of_later_claims,
    ),
    Invariant(
        words=Words(
            question="accepted",
            well="No email that a provider accepted is sent again.",
            broken="Emails that a provider accepted, but that may be sent again or count as not sent",
            todo="`manage.py doctor --repair` settles them as sent, unless they failed, expired or were cancelled.",
        ),
        breaks=_accepted,
        statuses=(*_NOT_TAKEN, _Status.UNKNOWN, _Status.QUARANTINED),
        repair=repairs.settle_as_sent,
    ),
    Invariant(
        words=Words(
            question="doubts",
            well="No email that may have been sent counts as not sent.",
            broken="Emails that may have been sent, but count as not sent",
            todo="`manage.py doctor --repair` makes waiting ones unknown, so that a second copy is marked. "
            "For the others, look the attempt up at the provider.",
        ),
        breaks=_in_doubt,
        statuses=_NOT_TAKEN,
        repair=repairs.put_in_doubt,
    ),
    Invariant(
        words=Words(
            question="acceptance",
            well="Every sent email has an accepted attempt.",
            broken="Sent emails without an accepted attempt",
            todo="Look them up at the provider; `emails/{id}/resend/` sends one again.",
        ),
        breaks=_accepted_by_nobody,
        statuses=_TAKEN,
    ),
    Invariant(
        words=Words(
            question="duplicates",
            well="Every email that may have been sent twice is marked as a possible duplicate.",
            broken="Emails that may have been sent twice and are not marked as possible duplicates",
            todo="`manage.py doctor --repair` marks them.",
        ),
        breaks=_sent_twice_in_silence,
        repair=repairs.mark_duplicate,
    ),
    Invariant(
        words=Words(
            question="forgotten",
            well="Every waiting email has a time at which it is due.",
            broken="Emails that are waiting without a due time, so that no worker will ever send them",
            todo="`manage.py doctor --repair` makes `queued` ones due now; give `scheduled` ones a new time by PATCH, "
            "or cancel them.",
        ),
        breaks=_forgotten,
        statuses=NOT_SENT_YET,
        repair=repairs.make_due,
    ),
    Invariant(
        words=Words(
            question="recipient_states",
            well="The status of every recipient fits that of its email.",
            broken="Emails whose recipients have a status that contradicts theirs",
            todo="`manage.py doctor --repair` sets the status of open recipients of finished emails; any other "
            "contradiction needs a person, who should trust the attempts.",
        ),
        breaks=_with_recipients_that_do_not_fit,
        repair=repairs.settle_recipients,
    ),
)  # fmt: skip
