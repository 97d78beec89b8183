"""How long what is finished is kept: bodies and attachments may go first, and at last the emails themselves.

What is finished stays finished, and nothing else is ever touched. It goes the oldest first, in transactions so short
that no sender waits for one; a process that is killed has done its part, and the next one does the rest. See
docs/decisions/0014.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from delivery.db import ids
from delivery.files import storage
from delivery.models import Attachment, CircuitChange, Email, IdempotencyKey
from delivery.models.email import FINISHED
from delivery.retention import unused_files
from delivery.submission import idempotency

_AT_ONCE: Final = 200  # rows of one transaction
_CHANGES_KEPT = timedelta(days=90)  # of circuits: for who asks what happened last month
Rows = QuerySet[Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What goes after a time, and how."""

    name: str  # what it is about, in the plural
    walks: Callable[[datetime], Iterable[Rows]]  # what is there still: each is read along an index, in order
    due: Callable[[Rows, datetime], Rows]  # keeps of some of them those whose time has come
    prune: Callable[[Rows], object]  # lets them go, in the caller's transaction


def count(rule: Rule, before: datetime) -> Iterator[int]:
    """Yield how many would go, bit by bit."""
    return (len(due) for _, due in _due(rule, before))


def prune(rule: Rule, before: datetime) -> Iterator[int]:
    """Let them go; yield after each transaction how many went in it."""
    for rows, due in _due(rule, before):
        with transaction.atomic():
            rule.prune(rows.filter(pk__in=due))
        yield len(due)


def count_files() -> Iterator[int]:
    """Yield 1 for each file that no email needs now."""
    return (1 for _ in unused_files.unwanted())


def prune_files() -> Iterator[int]:
    """Delete the files that no email needs any more; yield for each how many went."""
    storage.remove_partial_files()
    for file in unused_files.unwanted():
        yield int(unused_files.delete(file))


def _due(rule: Rule, before: datetime) -> Iterator[tuple[Rows, Sequence[Any]]]:
    """Yield the keys of what is due, a few at a time: found along an index, then asked whether their time has come."""
    for rows in rule.walks(before):
        for some in _pieces(rows):
            due = rule.due(rows.filter(pk__in=some), before)
            if keys := list(due.values_list("pk", flat=True)):
                yield rows.order_by(), keys


def _pieces(rows: Rows) -> Iterator[Sequence[Any]]:
    """Yield the keys of the rows, a few at a time, without a look back."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    some = list(keys[:_AT_ONCE])
    while some:
        yield some
        some = list(keys.filter(pk__gt=some[-1])[:_AT_ONCE])


def _emails(before: datetime) -> Iterator[Rows]:
    # An email's id tells when it was made, and none is finished before.
    return (Email.objects.filter(status=status, pk__lt=ids.floor(before)) for status in FINISHED)


def _bodies(before: datetime) -> Iterator[Rows]:
    return (emails.filter(body_pruned_at=None) for emails in _emails(before))


def _finished(emails: Rows, before: datetime) -> Rows:
    return emails.exclude(finished_at__gte=before)


def _attachments(before: datetime) -> Iterator[Rows]:
    yield Attachment.objects.filter(pruned_at=None)


def _of_finished(rows: Rows, before: datetime) -> Rows:
    # Asked of each row: from a join SQLite would begin with all the emails of a status.
    emails = Email.objects.filter(pk=OuterRef("email"), status__in=FINISHED, created_at__lt=before)
    return rows.filter(Exists(_finished(emails, before)))


def _keys(before: datetime) -> Iterator[Rows]:
    yield IdempotencyKey.objects.all()


def _useless(keys: Rows, before: datetime) -> Rows:
    return idempotency.useless(keys)


def _changes(before: datetime) -> Iterator[Rows]:
    yield CircuitChange.objects.all()


def _old(changes: Rows, before: datetime) -> Rows:
    return changes.filter(at__lt=timezone.now() - _CHANGES_KEPT)


def _delete(rows: Rows) -> None:
    # Django collects an email's rows by itself; without `only` it would read the bodies, too.
    rows.only("pk").delete()


def _empty(emails: Rows) -> None:
    emails.update(text_body="", html_body="", body_pruned_at=timezone.now())


def _forget_content(attachments: Rows) -> None:
    attachments.update(pruned_at=timezone.now())


EMAILS = Rule(name="emails", walks=_emails, due=_finished, prune=_delete)
BODIES = Rule(name="bodies", walks=_bodies, due=_finished, prune=_empty)
ATTACHMENTS = Rule(name="attachments", walks=_attachments, due=_of_finished, prune=_forget_content)
KEYS = Rule(name="Idempotency-Keys", walks=_keys, due=_useless, prune=_delete)
CHANGES = Rule(name="changes of circuits", walks=_changes, due=_old, prune=_delete)
