"""What events say of an account or of a sender opens and closes circuits, in the caller's transaction."""

from collections.abc import Sequence

from delivery.events.matching import Told
from delivery.models import ProviderEvent
from delivery.routing import circuits
from providers.events import Trouble

_OF_THE_ACCOUNT = (Trouble.ACCOUNT, Trouble.RESTORED)


def follow(told: Sequence[Told]) -> None:
    """Open or close the circuits that new events speak of; of an account, the latest news counts."""
    for account in sorted({each.row.account for each in told if each.event.trouble in _OF_THE_ACCOUNT}):
        _follow_latest(account)
    for each in told:
        if each.event.trouble is Trouble.SENDER and each.attempt:
            circuits.report_sender(
                each.row.account, each.attempt.email.from_address, _said(each.row), each.row.at
            )


def _follow_latest(account: str) -> None:
    news = ProviderEvent.objects.filter(account=account, trouble__in=_OF_THE_ACCOUNT)
    latest = news.order_by("-at", "-id").first()
    if latest and latest.trouble == Trouble.RESTORED:
        circuits.report_restored(account)
    elif latest:
        circuits.report_account(account, _said(latest), latest.at)


def _said(row: ProviderEvent) -> str:
    return f"{row.account} says: {row.name} {row.reason}".strip()
