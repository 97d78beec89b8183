"""What became of each recipient of a mailing: told by the email that was made of it, and by its recipient.

One UPDATE reads both, in the transaction of whoever has moved them, or behind it.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from delivery.access import stored
from delivery.db import clock
from delivery.models import Email, Mailing, MailingRecipient, TeamDeletion
from delivery.models.email import FINISHED, NOT_SENT_YET

UNSUBSCRIBED: Final = "unsubscribe"  # begins the reason of who has left: by a link, or out of the group
_GONE: Final = "Its email was deleted before anybody asked what became of it."
_AT_ONCE: Final = 500  # emails in one statement: SQLite takes 32,766 values
_State = MailingRecipient.State
_TABLE: Final = "delivery_mailingrecipient"
_UNDER_WAY: Final = (*NOT_SENT_YET, Email.Status.SENDING)
_ENDED: Final = (*FINISHED, Email.Status.QUARANTINED)
_STATE: Final = f"""CASE
    WHEN e.status IN ('scheduled', 'queued', 'sending') THEN 'queued'
    WHEN e.status = 'unknown' THEN CASE WHEN e.due_at IS NULL THEN 'unknown' ELSE 'queued' END
    WHEN e.status = 'cancelled' THEN 'cancelled'
    WHEN r.status = 'suppressed' THEN
        CASE WHEN r.reason LIKE '{UNSUBSCRIBED}%%' THEN 'unsubscribed' ELSE 'suppressed' END
    WHEN r.status IN ('delivered', 'bounced', 'complained', 'unknown') THEN r.status
    WHEN r.status = 'rejected' OR e.status IN ('failed', 'expired', 'quarantined') THEN 'failed'
    ELSE 'sent' END"""
_REASON: Final = """CASE
    WHEN r.reason <> '' AND r.status <> 'accepted' THEN r.reason
    WHEN e.status = 'expired' THEN 'No provider has accepted it by its deadline.'
    WHEN e.status IN ('sent', 'partial', 'scheduled', 'queued', 'sending') THEN ''
    ELSE e.reason END"""


def follow(emails: Sequence[UUID]) -> None:
    """Bring the recipients of these emails up to date, in the caller's transaction; other emails have none.

    A mailing that was over goes on where one of its emails is to be sent again: a cancelled one, to cancel it.
    """
    _hold_mailings(emails)
    moved = _follow(emails, "")
    _forget_bodies([email for _, email, _ in moved])
    again = {mailing for mailing, _, state in moved if state == _State.QUEUED}
    if again:
        _revive(again)


def follow_queued(mailing: Mailing) -> dict[UUID, str]:
    """Do so for those whose email has come to an end; return their states by email. Bodies that were sent go."""
    found = list(_ended(mailing).values_list("email", "email__status"))
    if any(status is None for _, status in found):
        _write_off(mailing)
    ended = [email for email, status in found if status is not None]
    if not ended:
        return {}
    with transaction.atomic():
        moved = _follow(ended, "AND delivery_mailingrecipient.state = 'queued'")
        _forget_bodies([email for _, email, _ in moved])
    return {email: state for _, email, state in moved}


def _write_off(mailing: Mailing) -> None:
    """End those whose email is gone: a prune before this was followed has deleted it."""
    gone = _queued(mailing).filter(~Exists(Email.objects.order_by().filter(pk=OuterRef("email"))))
    gone.update(state=_State.UNKNOWN, reason=_GONE, at=clock.now())


def _hold_mailings(emails: Sequence[UUID]) -> None:
    """Lock the mailings of what is sent again, so that none ends meanwhile; before their recipients, as they do."""
    again = Q(email__status__in=_UNDER_WAY) | Q(
        email__status=Email.Status.UNKNOWN, email__due_at__isnull=False
    )
    come_back = (
        MailingRecipient.objects.order_by().filter(again, email__in=emails).exclude(state=_State.QUEUED)
    )
    mailings = Mailing.objects.filter(pk__in=list(come_back.values_list("mailing", flat=True)))
    list(mailings.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _revive(mailings: Collection[UUID]) -> None:
    over = Mailing.objects.order_by().filter(pk__in=mailings)
    over.filter(state=Mailing.State.DONE).update(state=Mailing.State.SENDING, finished_at=None)
    # Of a team that is deleted nothing is claimed any more.
    deleted = Exists(TeamDeletion.objects.filter(team=OuterRef("team")))
    over.filter(~deleted, state=Mailing.State.CANCELLED).update(finished_at=None)


def _ended(mailing: Mailing) -> QuerySet[MailingRecipient]:
    given_up = Q(email__status=Email.Status.UNKNOWN, email__due_at=None)
    gone = Q(email__status=None)
    return _queued(mailing).filter(Q(email__status__in=_ENDED) | given_up | gone)


def _queued(mailing: Mailing) -> QuerySet[MailingRecipient]:
    return MailingRecipient.objects.order_by().filter(mailing=mailing, state=_State.QUEUED)


def _forget_bodies(emails: Sequence[UUID]) -> None:
    """Delete what can be written again, of emails that certainly were sent."""
    for start in range(0, len(emails), _AT_ONCE):
        sent = Email.objects.order_by().filter(pk__in=emails[start : start + _AT_ONCE])
        sent = sent.filter(status=Email.Status.SENT, possible_duplicate=False, body_pruned_at=None)
        stored.bodies_go(sent)
        sent.update(text_body="", html_body="", body_pruned_at=clock.now())


def _follow(emails: Sequence[UUID], but: str) -> list[tuple[UUID, UUID, str]]:
    """Update the rows of these emails; return the mailing, the email and the new state of each."""
    found: list[tuple[UUID, UUID, str]] = []
    for start in range(0, len(emails), _AT_ONCE):
        found += _updated(sorted(emails[start : start + _AT_ONCE]), but)
    return found


def _updated(emails: Sequence[UUID], but: str) -> list[tuple[UUID, UUID, str]]:
    if (
        connection.features.has_select_for_update
    ):  # an UPDATE locks as it finds; two would wait for each other
        rows = MailingRecipient.objects.filter(email__in=emails).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk"))
    field: Any = Email._meta.pk
    statement = (
        f"UPDATE {_TABLE} SET state = {_STATE}, reason = {_REASON}, provider = e.provider, "  # noqa: S608 - ours
        "possible_duplicate = e.possible_duplicate, at = %s "
        "FROM delivery_email e JOIN delivery_recipient r ON r.email_id = e.id "
        f"WHERE {_TABLE}.email_id = e.id AND e.id IN ({', '.join(['%s'] * len(emails))}) {but} "
        f"RETURNING {_TABLE}.mailing_id, {_TABLE}.email_id, {_TABLE}.state"
    )
    now = connection.ops.adapt_datetimefield_value(clock.now())
    values = [now, *(field.get_db_prep_value(pk, connection) for pk in emails)]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [
            (field.to_python(mailing), field.to_python(pk), state) for mailing, pk, state in cursor.fetchall()
        ]
