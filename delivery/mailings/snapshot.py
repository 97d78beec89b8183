"""The snapshot: a row for each recipient, written before the first email, in chunks that know their place."""

from typing import Final

from django.db import connection
from django.db.models import BooleanField, CharField, Exists, OuterRef, QuerySet, UUIDField, Value

from delivery.models import Contact, Mailing, MailingRecipient, Membership

CHUNK: Final = 5_000
_SUBSCRIBED: Final = Membership.Status.SUBSCRIBED
_COLUMNS: Final = "contact_id, address, mailing_id, state, reason, provider, possible_duplicate"


def clear_some(mailing: Mailing) -> bool:
    """Delete a chunk of what an earlier check has written; tell whether there may be more."""
    rows = MailingRecipient.objects.filter(mailing=mailing).order_by("pk")
    some = list(rows.values_list("pk", flat=True)[:CHUNK])
    if some:
        chunk = rows.order_by().filter(pk__gte=some[0], pk__lte=some[-1])
        chunk._raw_delete(chunk.db)
    return len(some) == CHUNK


def take_some(mailing: Mailing, after: int) -> int | None:
    """Write down a chunk of recipients behind this membership; return its last membership, None: that were all."""
    members = Membership.objects.filter(group=mailing.group_id, pk__gt=after).order_by("pk")
    some = list(members.values_list("pk", flat=True)[:CHUNK])
    if not some:
        return None
    _copy(mailing, members.filter(pk__lte=some[-1]))
    return some[-1]


def unsubscribed(mailing: Mailing) -> int:
    """Count the members who have left the group."""
    gone = Membership.objects.filter(group=mailing.group_id, status=Membership.Status.UNSUBSCRIBED)
    return gone.count()


def _copy(mailing: Mailing, members: QuerySet[Membership]) -> None:
    chosen = members.filter(status=_SUBSCRIBED)
    if mailing.exclude:
        others = Membership.objects.filter(group__in=mailing.exclude, status=_SUBSCRIBED)
        chosen = chosen.exclude(Exists(others.filter(contact=OuterRef("contact"))))
    sql, values = _with_constants(mailing, chosen).query.sql_with_params()
    table = connection.ops.quote_name(MailingRecipient._meta.db_table)
    contacts = connection.ops.quote_name(Contact._meta.db_table)
    # what is deleted at this moment is left out; SQLite has one writer at a time
    held = f"FOR KEY SHARE OF {contacts}" if connection.vendor == "postgresql" else ""
    statement = f"INSERT INTO {table} ({_COLUMNS}) {sql} {held} ON CONFLICT DO NOTHING"
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _with_constants(mailing: Mailing, chosen: QuerySet[Membership]) -> QuerySet[Membership]:
    constants = {
        "of": Value(mailing.pk, output_field=UUIDField()),
        "now": Value(MailingRecipient.State.WAITING, output_field=CharField()),
        "nothing": Value("", output_field=CharField()),
        "nobody": Value("", output_field=CharField()),
        "certain": Value(False, output_field=BooleanField()),
    }
    return chosen.annotate(**constants).values_list("contact_id", "contact__email", *constants)
