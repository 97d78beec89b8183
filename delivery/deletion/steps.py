"""What goes with a team, table by table: rows before those that they name.

A table that names a team, or whose rows hang on such ones, has a line here, or tests/delivery/deletion fails.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model, QuerySet

from delivery.db import pieces
from delivery.deletion import files
from delivery.models import (
    Acknowledgement,
    ApiKey,
    Contact,
    Email,
    Erasure,
    Group,
    Import,
    ImportReject,
    Invitation,
    KeyDay,
    Limits,
    MailHour,
    Mailing,
    MailingRecipient,
    Member,
    Membership,
    Signature,
    SoftBounce,
    Suppression,
    Template,
    TemplateVersion,
    UnsubscribeLink,
    UsedMinute,
    WebhookCall,
    WebhookEndpoint,
    WebhookMessage,
)

_AT_ONCE: Final = 200  # rows of one transaction, so short that no sender waits for it
Keys = Sequence[Any]


def _delete(model: type[Model], pks: Keys) -> None:
    """Delete these rows with what hangs on them. They are locked first, in the order in which events lock emails."""
    rows = model._default_manager.filter(pk__in=pks)
    list(rows.order_by("pk").select_for_update().values_list("pk"))
    rows.only("pk").delete()


def _delete_keys(model: type[Model], pks: Keys) -> None:
    """Delete keys; nothing names one any more but another of them. Django would look for each in all emails."""
    table, column = map(connection.ops.quote_name, (model._meta.db_table, "id"))
    marks = ", ".join(["%s"] * len(pks))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({marks})", list(pks))  # noqa: S608 - our own names


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table, and how its rows go."""

    model: type[Model]
    path: str = "team"  # from a row to its team
    at_once: int = _AT_ONCE
    before: Callable[[int, Keys, set[str]], None] = lambda *_: (
        None
    )  # what goes outside of the database, first
    delete: Callable[[type[Model], Keys], None] = _delete

    @property
    def name(self) -> str:
        """Return what the rows are called, in the plural."""
        return str(self.model._meta.verbose_name_plural)

    def rows(self, team: int) -> QuerySet[Any]:
        """Return a team's rows."""
        return self.model._default_manager.filter(**{self.path: team})


@dataclass(frozen=True, kw_only=True)
class Step:
    """Some rows of one table."""

    table: Table
    team: int
    pks: Keys
    seen: set[str]  # hashes of files that were looked at

    def prepare(self) -> None:
        """Delete their files; raises files.Held."""
        self.table.before(self.team, self.pks, self.seen)

    def take(self) -> Counter[str]:
        """Delete them in the caller's transaction, and what the admin remembers of them; return how many by name."""
        self.table.delete(self.table.model, self.pks)
        forget_history(self.table.model, self.pks)
        return Counter({self.table.name: len(self.pks)})


TABLES: Final = (
    Table(model=ImportReject, path="of__team", at_once=1000),
    Table(model=Import, before=files.of_imports),
    Table(model=MailingRecipient, path="mailing__team", at_once=1000),
    Table(model=Mailing),
    Table(model=Email, before=files.of_emails),
    Table(model=Membership, path="group__team", at_once=1000),
    Table(model=Contact),
    Table(model=Group),
    Table(model=WebhookCall, path="endpoint__team"),
    Table(model=WebhookMessage, path="endpoint__team"),
    Table(model=WebhookEndpoint),
    Table(model=TemplateVersion, path="template__team"),
    Table(model=Template),
    Table(model=Signature),
    Table(model=Suppression),
    Table(model=SoftBounce, at_once=1000),
    Table(model=UnsubscribeLink, at_once=1000),
    Table(model=Erasure),
    Table(model=Acknowledgement),
    Table(model=Invitation),
    Table(model=Member),
    Table(model=MailHour),
    Table(model=UsedMinute, path="limits__team", at_once=1000),
    Table(model=Limits),
    Table(model=UsedMinute, path="limits__key__team", at_once=1000),
    Table(model=Limits, path="key__team"),
    Table(model=KeyDay, path="key__team", at_once=1000),
    Table(model=ApiKey, at_once=1_000_000, delete=_delete_keys),  # they name each other
)


def of(team: int) -> Iterator[Step]:
    """Yield what is to be done, as far as it is there now."""
    seen: set[str] = set()
    for table in TABLES:
        for pks in pieces.keys(table.rows(team), at_once=table.at_once):
            yield Step(table=table, team=team, pks=pks, seen=seen)


def forget_history(model: type[Model], pks: Keys) -> None:
    """Delete what Django's admin has noted about these rows: it keeps their texts."""
    kind = ContentType.objects.get_for_model(model)
    LogEntry.objects.filter(content_type=kind, object_id__in=[str(pk) for pk in pks]).delete()
