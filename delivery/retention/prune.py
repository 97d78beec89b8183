"""Pruning of finished emails: bodies and attachments may go first, the emails themselves at last.

Only finished emails are touched; their status is final. The oldest go first, in transactions so short that no sender
waits for one. The process may be killed at any time; the next run does the rest. See docs/decisions/0014.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from delivery.access import reputation, stored
from delivery.audience import files
from delivery.db import clock, ids
from delivery.files import storage
from delivery.models import (
    Alert,
    Attachment,
    CircuitChange,
    Email,
    EventToken,
    IdempotencyKey,
    ImportReject,
    Incident,
    Mailing,
    MailingRecipient,
    ProviderEvent,
    Suppression,
    Tries,
    WebhookEndpoint,
    WebhookMessage,
)
from delivery.models.email import FINISHED
from delivery.retention import unused_files
from delivery.suppressions import soft_bounces, unsubscribing

_AT_ONCE: Final = 200  # rows of one transaction
_CHANGES_KEPT = timedelta(days=90)  # of circuits: to explain past outages
_INCIDENTS_KEPT = timedelta(days=90)  # since their end
_EVENTS_KEPT = timedelta(days=30)  # that belong to no email: parked, or news of an account
_WEBHOOKS_KEPT = timedelta(days=30)  # with their calls, since they were finished
_REJECTS_KEPT = timedelta(days=30)  # since their import was over: they hold what people wrote
_TOKENS_KEPT = timedelta(days=1)  # no vendor repeats a post for so long
Rows = QuerySet[Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of rows to prune, and how."""

    name: str  # of the rows, in the plural
    walks: Callable[[datetime], Iterable[Rows]]  # querysets of candidates, each read along an index
    due: Callable[[Rows, datetime], Rows]  # filters the candidates whose time has come
    prune: Callable[[Rows], object]  # prunes them in the caller's transaction


def count(rule: Rule, before: datetime) -> Iterator[int]:
    """Yield the numbers of rows that would be pruned, in pieces."""
    return (len(due) for _, due in _due(rule, before))


def prune(rule: Rule, before: datetime) -> Iterator[int]:
    """Prune the rows; yield the number pruned by each transaction."""
    for rows, due in _due(rule, before):
        with transaction.atomic():
            rule.prune(rows.filter(pk__in=due))
        yield len(due)


def count_files() -> Iterator[int]:
    """Yield 1 for each file that no email, and no import, needs now."""
    return (1 for _ in chain(unused_files.unwanted(), files.orphans()))


def prune_files() -> Iterator[int]:
    """Delete the files that no email and no import needs; yield 1 for each deleted file, 0 for one needed again."""
    storage.remove_partial_files()
    for file in unused_files.unwanted():
        yield int(unused_files.delete(file))
    for pk in files.orphans():
        files.delete(pk)
        yield 1


def _due(rule: Rule, before: datetime) -> Iterator[tuple[Rows, Sequence[Any]]]:
    """Yield the candidates and the keys of those due, up to 200 at a time: read along an index, then filtered."""
    for rows in rule.walks(before):
        for some in _pieces(rows):
            due = rule.due(rows.filter(pk__in=some), before)
            if keys := list(due.values_list("pk", flat=True)):
                yield rows.order_by(), keys


def _pieces(rows: Rows) -> Iterator[Sequence[Any]]:
    """Yield the keys of the rows in order, up to 200 at a time."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    some = list(keys[:_AT_ONCE])
    while some:
        yield some
        some = list(keys.filter(pk__gt=some[-1])[:_AT_ONCE])


def _emails(before: datetime) -> Iterator[Rows]:
    # An email's id contains the time it was made, and it cannot be finished before that.
    return (Email.objects.filter(status=status, pk__lt=ids.floor(before)) for status in FINISHED)


def _bodies(before: datetime) -> Iterator[Rows]:
    return (emails.filter(body_pruned_at=None) for emails in _emails(before))


def _finished(emails: Rows, before: datetime) -> Rows:
    return emails.exclude(finished_at__gte=before)


def _followed(emails: Rows, before: datetime) -> Rows:
    """Leave out what a mailing that is not over may still have to read: nobody follows it while it is paused."""
    ending = Q(state=Mailing.State.CANCELLED, finished_at=None)
    going_on = Mailing.objects.order_by().filter(Q(state__in=Mailing.UNCHANGED) | ending)
    return _finished(emails, before).exclude(mailing__in=going_on.values("pk"))


def _attachments(before: datetime) -> Iterator[Rows]:
    yield Attachment.objects.filter(pruned_at=None)


def _of_finished(rows: Rows, before: datetime) -> Rows:
    # A subquery for each row: for a join SQLite would begin with all the emails of a status.
    emails = Email.objects.filter(pk=OuterRef("email"), status__in=FINISHED, created_at__lt=before)
    return rows.filter(Exists(_finished(emails, before)))


def _keys(before: datetime) -> Iterator[Rows]:
    yield IdempotencyKey.objects.all()


def _useless(keys: Any, before: datetime) -> Rows:
    useless: Rows = keys.useless()
    return useless


def _changes(before: datetime) -> Iterator[Rows]:
    yield CircuitChange.objects.all()


def _old(changes: Rows, before: datetime) -> Rows:
    return changes.filter(at__lt=clock.now() - _CHANGES_KEPT)


def _incidents(before: datetime) -> Iterator[Rows]:
    yield Incident.objects.filter(closed_at__lt=clock.now() - _INCIDENTS_KEPT)


def _digests(before: datetime) -> Iterator[Rows]:
    yield Alert.objects.filter(incident=None, at__lt=clock.now() - _INCIDENTS_KEPT)


def _loose(before: datetime) -> Iterator[Rows]:
    yield ProviderEvent.objects.filter(email=None, pk__lt=ids.floor(clock.now() - _EVENTS_KEPT))


def _stray(events: Rows, before: datetime) -> Rows:
    return events


def _tokens(before: datetime) -> Iterator[Rows]:
    yield EventToken.objects.filter(seen_at__lt=clock.now() - _TOKENS_KEPT)


def _used(tokens: Rows, before: datetime) -> Rows:
    return tokens


def _soft_bounces(before: datetime) -> Iterator[Rows]:
    yield soft_bounces.outdated(clock.now().date())


def _mail_hours(before: datetime) -> Iterator[Rows]:
    yield reputation.outdated()


def _expired(before: datetime) -> Iterator[Rows]:
    yield Suppression.objects.filter(expires_at__lte=clock.now())


def _rejects(before: datetime) -> Iterator[Rows]:
    yield ImportReject.objects.filter(of__finished_at__lt=clock.now() - _REJECTS_KEPT)


def _ended(before: datetime) -> Iterator[Rows]:
    yield Tries.objects.filter(until__lte=clock.now())


def _recipients(before: datetime) -> Iterator[Rows]:
    for mailing in Mailing.objects.filter(_is_over(before)).order_by("pk").iterator():
        yield MailingRecipient.objects.filter(mailing=mailing)


def _mailings(before: datetime) -> Iterator[Rows]:
    yield Mailing.objects.filter(_is_over(before))


def _is_over(before: datetime) -> Q:
    return Q(state__in=Mailing.OVER, finished_at__lt=before)


def _all(rows: Rows, before: datetime) -> Rows:
    return rows


def _webhooks(before: datetime) -> Iterator[Rows]:
    yield WebhookMessage.objects.filter(pk__lt=ids.floor(clock.now() - _WEBHOOKS_KEPT))


def _over(messages: Rows, before: datetime) -> Rows:
    """Return those that were finished so long ago, or wait for so long at an endpoint that is off."""
    finished = Q(due_at=None) & ~Q(finished_at__gte=clock.now() - _WEBHOOKS_KEPT)
    return messages.filter(finished | Q(endpoint__enabled=False))


def _endpoints(before: datetime) -> Iterator[Rows]:
    yield WebhookEndpoint.objects.filter(deleted_at__lt=clock.now() - _WEBHOOKS_KEPT)


def _untold(endpoints: Rows, before: datetime) -> Rows:
    return endpoints.filter(~Exists(WebhookMessage.objects.filter(endpoint=OuterRef("pk"))))


def _delete(rows: Rows) -> None:
    # Django loads the emails to delete their related rows; without `only` it would load the bodies, too.
    rows.only("pk").delete()


def _delete_emails(emails: Rows) -> None:
    stored.emails_go(emails)
    unsubscribing.keep_links(emails)
    _delete(emails)


def _empty(emails: Rows) -> None:
    stored.bodies_go(emails)
    emails.update(text_body="", html_body="", body_pruned_at=clock.now())


def _forget_content(attachments: Rows) -> None:
    stored.files_go(attachments)
    attachments.update(pruned_at=clock.now())


EMAILS = Rule(name="emails", walks=_emails, due=_followed, prune=_delete_emails)
RECIPIENTS = Rule(name="recipients of mailings", walks=_recipients, due=_all, prune=_delete)
MAILINGS = Rule(name="mailings", walks=_mailings, due=_all, prune=_delete)
BODIES = Rule(name="bodies", walks=_bodies, due=_finished, prune=_empty)
ATTACHMENTS = Rule(name="attachments", walks=_attachments, due=_of_finished, prune=_forget_content)
KEYS = Rule(name="Idempotency-Keys", walks=_keys, due=_useless, prune=_delete)
CHANGES = Rule(name="changes of circuits", walks=_changes, due=_old, prune=_delete)
INCIDENTS = Rule(name="incidents", walks=_incidents, due=_all, prune=_delete)
DIGESTS = Rule(name="digests of alerts", walks=_digests, due=_all, prune=_delete)
SOFT_BOUNCES = Rule(name="soft bounces of another month", walks=_soft_bounces, due=_all, prune=_delete)
REJECTS = Rule(name="rejects of imports", walks=_rejects, due=_all, prune=_delete)
MAIL_HOURS = Rule(name="hours of teams' mail", walks=_mail_hours, due=_all, prune=_delete)
TRIES = Rule(name="counts of tries that are over", walks=_ended, due=_all, prune=_delete)
SUPPRESSIONS = Rule(name="expired suppressions", walks=_expired, due=_all, prune=_delete)
EVENTS = Rule(name="events that belong to no email", walks=_loose, due=_stray, prune=_delete)
TOKENS = Rule(name="tokens of events", walks=_tokens, due=_used, prune=_delete)
WEBHOOKS = Rule(name="webhooks", walks=_webhooks, due=_over, prune=_delete)
ENDPOINTS = Rule(name="endpoints that were deleted", walks=_endpoints, due=_untold, prune=_delete)
