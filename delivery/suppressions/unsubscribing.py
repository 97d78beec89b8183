"""Unsubscribing by the link of an email: from its list or from marketing, also when the email is gone."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from delivery.content import addresses, links
from delivery.db import clock
from delivery.models import Email, Suppression, UnsubscribeLink
from delivery.models.suppression import LIST, TEST
from delivery.suppressions import entries, leaving
from delivery.suppressions.entries import Finding
from delivery.webhooks import outbox
from delivery.webhooks.outbox import Notice


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a link would end."""

    list_name: str = ""  # empty: marketing, or what the link was for is not kept any more
    sender: str = ""  # who wrote, if that is kept
    is_test: bool = False  # of a mailing: it ends nothing


class NoLink(Exception):
    """This is no token of ours."""


def look(token: str) -> Offer:
    """Return what a link would end, and change nothing; raise NoLink."""
    pk = _read(token)
    if link := _link(pk):
        name = link.scope.removeprefix(LIST) if link.scope.startswith(LIST) else ""
        return Offer(list_name=name, sender=_sender(pk), is_test=link.scope == TEST)
    return Offer()


def unsubscribe(token: str) -> None:
    """Keep further mail of that list, or marketing, from its recipient; raise NoLink.

    Repeating it changes nothing. Nothing is left to do where neither the email nor its recipient is kept, and nothing
    is done for a test of a mailing.
    """
    link = _link(_read(token))
    if link and link.scope != TEST:
        with transaction.atomic():
            new = entries.add([_finding(link)])
            leaving.by_link(link)
            outbox.enqueue([_notice(link, entry) for entry in new])


def keep_links(emails: QuerySet[Email]) -> None:
    """Keep what the links of these emails are for: they are about to be deleted. The caller holds the transaction."""
    UnsubscribeLink.objects.bulk_create(_links(emails.exclude(unsubscribe="")), ignore_conflicts=True)


def _read(token: str) -> UUID:
    if pk := links.read(token):
        return pk
    raise NoLink


def _link(pk: UUID) -> UnsubscribeLink | None:
    of_email = next(iter(_links(Email.objects.filter(pk=pk).exclude(unsubscribe=""))), None)
    return of_email or UnsubscribeLink.objects.filter(pk=pk).first()


def _links(emails: QuerySet[Email]) -> Iterable[UnsubscribeLink]:
    rows = emails.order_by().values_list("pk", "team_id", "unsubscribe", "recipients__address")
    for pk, team_id, scope, address in rows:
        if address:
            yield UnsubscribeLink(id=pk, team_id=team_id, scope=scope, address=addresses.canonical(address))


def _sender(pk: UUID) -> str:
    rows = Email.objects.filter(pk=pk).values_list("from_name", "from_address")
    return next((name or address for name, address in rows), "")


def _finding(link: UnsubscribeLink) -> Finding:
    return Finding(
        team_id=link.team_id,
        address=link.address,
        kind=Suppression.Kind.UNSUBSCRIBE,
        scope=link.scope,
        source="link",
        at=clock.now(),
    )


def _notice(link: UnsubscribeLink, entry: Suppression) -> Notice:
    data = {"email_id": link.pk, "recipient": link.address, "scope": entry.scope, "by": "link"}
    return Notice(kind="email.unsubscribed", team_id=link.team_id, data=data)
