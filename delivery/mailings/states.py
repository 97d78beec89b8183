"""The states of a mailing, and the verbs that move it: each is one conditional UPDATE in the caller's transaction.

A pause and a cancellation are one row: from their commit on no process claims an email of the mailing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, DateTimeField, F, Q, QuerySet, When

from delivery.access import actor, audit
from delivery.audience import results
from delivery.db import clock
from delivery.mailings import content, refusals
from delivery.models import ApiKey, Email, Group, Mailing, MailingRecipient, Team, Template

State = Mailing.State
FIELDS: Final = (
    *("name", "group_id", "exclude", "template_id", "subject", "from_address", "reply_to", "signature_id"),
    *("on_ambiguous", "send_at", "rate", "domain_rates"),
)
RENDER: Final = "render: "  # begins the reason of a recipient for whom it could not be written
_OTHER_GROUP: Final = "its group has got another sender, address for answers, signature or unsubscribing"
_OPEN: Final = (State.DRAFT, State.CHECKED)
_BEFORE_CHECK: Final[dict[str, Any]] = {
    "state": State.DRAFT,
    "check_asked_at": None,
    "check_result": {},
    "content": {},
    "position": 0,
    "crashes": 0,
    "worker": None,
    "lease_until": None,
}


class WrongState(Exception):
    """In its state the mailing cannot do this."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The mailing is {state}.")
        self.state = state


class NotChecked(WrongState):
    """It must be checked before it is started."""


class ChangedSinceCheck(NotChecked):
    """What the check saw of its group or its template is another one now."""

    def __init__(self, state: str, what: str) -> None:
        super().__init__(state)
        self._what = what

    def __str__(self) -> str:
        return f"Since the check {self._what}: check it anew."


class OtherNumber(Exception):
    """The check has found another number of recipients than was confirmed."""

    def __init__(self, recipients: int) -> None:
        super().__init__(f"The check has found {recipients:,} recipients; confirm that number.")
        self.recipients = recipients


def of(team: Team | None) -> QuerySet[Mailing]:
    """Return a team's mailings; None: those of whoever works without a key."""
    return Mailing.objects.filter(team=team)


def create(team: Team | None, **fields: Any) -> Mailing:
    """Make a draft."""
    made = Mailing.objects.create(team=team, **fields)
    _record("created", made, after=audit.values(made, FIELDS))
    return made


def change(mailing: Mailing, **fields: Any) -> None:
    """Change a mailing that has not been started; it must be checked anew. Raises WrongState."""
    before = audit.values(mailing, FIELDS)
    _move(mailing, _OPEN, **_BEFORE_CHECK, **fields, reason="", epoch=F("epoch") + 1)
    was, now = audit.difference(before, audit.values(mailing, FIELDS))
    _record("changed", mailing, before=was, after=now)


def delete(mailing: Mailing) -> None:
    """Delete a mailing that has not been started; raise WrongState."""
    _lock(mailing, _OPEN)
    _record("deleted", mailing, before=audit.values(mailing, FIELDS))
    _forget_recipients(mailing)
    mailing.delete()


def ask_check(mailing: Mailing) -> None:
    """Fix what the mailing says, and have a worker check it; raise WrongState, NotReady or Unpublishable."""
    _lock(mailing, _OPEN)
    asked = {**_BEFORE_CHECK, "content": content.fixed(mailing), "check_asked_at": clock.now()}
    _move(mailing, _OPEN, **asked, reason="", epoch=F("epoch") + 1)
    _record("checked", mailing)


def start(mailing: Mailing, recipients: int, *, key: ApiKey | None = None, by: str = "") -> None:
    """Start a checked mailing, at once or at its time; raise NotChecked, WrongState or OtherNumber."""
    _hold_template(mailing)
    _lock(mailing, (State.CHECKED,))
    _refuse_changed_group(mailing)
    _refuse_changed_template(mailing)
    if recipients != mailing.check_result["recipients"]:
        raise OtherNumber(mailing.check_result["recipients"])
    now = clock.now()
    later = mailing.send_at is not None and mailing.send_at > now
    begun = {"state": State.SCHEDULED} if later else {"state": State.SENDING, "started_at": now}
    _move(mailing, (State.CHECKED,), **begun, recipient_count=recipients, key=key, by=by)
    _record("started", mailing, after={"recipients": recipients, "state": mailing.state})


def begin(mailing: Mailing) -> None:
    """Let a scheduled mailing go: its time has come."""
    _move(mailing, (State.SCHEDULED,), state=State.SENDING, started_at=clock.now())


def pause(mailing: Mailing, by: str, reason: str = "") -> None:
    """Stop sending, until somebody resumes it; raise WrongState."""
    why = reason or f"Paused by {by}."
    stopped = {"state": State.PAUSED, "paused_at": clock.now(), "worker": None, "lease_until": None}
    _move(mailing, (State.SCHEDULED, State.SENDING), **stopped, epoch=F("epoch") + 1, reason=why, pace=0.0)
    _record("paused", mailing, after={"reason": why})


def finish(mailing: Mailing) -> None:
    """End a mailing of which nobody waits any more."""
    over = {"state": State.DONE, "finished_at": clock.now(), "worker": None, "lease_until": None}
    _move(mailing, (State.SENDING,), **over, reason="", pace=0.0)


def set_aside(mailing: Mailing, reason: str) -> None:
    """Stop a mailing for a reason of GoMail's own; a check that cannot be made is not asked for any more."""
    with actor.acting(actor.SYSTEM):
        if mailing.state == State.DRAFT:
            _move(mailing, (State.DRAFT,), check_asked_at=None, reason=reason)
        elif mailing.state in (State.SCHEDULED, State.SENDING):
            pause(mailing, actor.SYSTEM.name, reason)


def resume(mailing: Mailing) -> None:
    """Go on; what waits moves by the length of the pause, so that nothing is lost or hurried. Raises WrongState."""
    _lock(mailing, (State.PAUSED,))
    results.follow_queued(mailing)  # nobody did so during the pause
    if mailing.avoided:  # who is asked again from now on
        refusals.wait_again(mailing, mailing.avoided)
    since = mailing.paused_at or clock.now()
    length = max(clock.now() - since, timedelta())  # the clock may have been set back since
    _postpone(mailing, since, length)
    seconds = length.total_seconds()
    _move(
        mailing,
        (State.PAUSED,),
        state=State.SENDING if mailing.started_at else State.SCHEDULED,
        paused_at=None,
        resumed_at=clock.now(),
        reason="",
        crashes=0,
        avoided={},
        avoided_before={**(mailing.avoided_before or {}), **mailing.avoided},
        next_at=mailing.next_at and mailing.next_at + length,
        domains_next_at={name: at + seconds for name, at in mailing.domains_next_at.items()},
    )
    _record("resumed", mailing)


def cancel(mailing: Mailing) -> None:
    """Send nothing more, for good; a worker writes that down for each recipient. Raises WrongState."""
    allowed = (State.SCHEDULED, State.SENDING, State.PAUSED)
    gone = {"state": State.CANCELLED, "finished_at": None, "worker": None, "lease_until": None, "crashes": 0}
    _move(mailing, allowed, **gone, epoch=F("epoch") + 1, reason="")
    _record("cancelled", mailing)


def retry_failed(mailing: Mailing) -> int:
    """Write it once more for those for whom that failed, and return how many; raise WrongState."""
    _hold_template(mailing)
    _lock(mailing, (State.SENDING, State.PAUSED, State.DONE))
    failed = MailingRecipient.objects.filter(mailing=mailing, state=MailingRecipient.State.FAILED)
    again = failed.filter(reason__startswith=RENDER, contact__isnull=False)
    number = again.update(state=MailingRecipient.State.WAITING, reason="", at=None)
    if number and mailing.state == State.DONE:
        _move(mailing, (State.DONE,), state=State.SENDING, finished_at=None)
    _record("retried", mailing, after={"recipients": number})
    return number


def _lock(mailing: Mailing, allowed: Sequence[str]) -> None:
    """Lock the row in the caller's transaction and read it anew; raise WrongState."""
    row = Mailing.objects.select_for_update(of=("self",)).select_related("group").get(pk=mailing.pk)
    for field in Mailing._meta.concrete_fields:
        setattr(mailing, field.attname, getattr(row, field.attname))
    if mailing.state not in allowed:
        raise _refusal(mailing.state, allowed)


def _hold_template(mailing: Mailing) -> None:
    """Lock the template in the caller's transaction, before the mailing as a publication does."""
    list(Template.objects.select_for_update(no_key=True).filter(mailings=mailing.pk).values_list("pk"))


def _refuse_changed_group(mailing: Mailing) -> None:
    """Lock the group in the caller's transaction; raise ChangedSinceCheck if it is not as the check found it."""
    groups = Group.objects.select_for_update(no_key=True)
    group = groups.filter(pk=mailing.group_id).first() if mailing.group_id else None
    if group is None or content.of_group(mailing, group) != mailing.check_result.get("of_group"):
        raise ChangedSinceCheck(mailing.state, _OTHER_GROUP)


def _refuse_changed_template(mailing: Mailing) -> None:
    """Raise ChangedSinceCheck if the check saw another text; the caller holds the template."""
    if content.published_at(mailing) != mailing.check_result.get("published", {}):
        raise ChangedSinceCheck(mailing.state, "its template was published anew")


def _move(mailing: Mailing, allowed: Sequence[str], **changes: Any) -> None:
    moved = Mailing.objects.filter(pk=mailing.pk, state__in=allowed).update(**changes)
    mailing.refresh_from_db()
    if not moved:
        raise _refusal(mailing.state, allowed)


def _refusal(state: str, allowed: Sequence[str]) -> WrongState:
    not_checked = state == State.DRAFT and tuple(allowed) == (State.CHECKED,)
    return (NotChecked if not_checked else WrongState)(state)


def _postpone(mailing: Mailing, since: datetime, length: timedelta) -> None:
    """Move the deadlines of what waits, and the turns that had not come when it was paused."""
    queued = MailingRecipient.objects.filter(mailing=mailing, state=MailingRecipient.State.QUEUED)
    waiting = Email.objects.waiting().order_by().filter(pk__in=queued.order_by().values("email"))
    later = Case(
        When(Q(due_at__gte=since), then=F("due_at") + length),
        default=F("due_at"),
        output_field=DateTimeField(null=True),
    )
    waiting.update(expires_at=F("expires_at") + length, due_at=later)


def _forget_recipients(mailing: Mailing) -> None:
    """Delete its snapshot by one statement: nobody points to these rows."""
    rows = MailingRecipient.objects.filter(mailing=mailing).order_by()
    rows._raw_delete(rows.db)


def _record(verb: str, mailing: Mailing, **states: Any) -> None:
    audit.record(f"mailing.{verb}", "mailing", mailing.pk, team=mailing.team_id, **states)
