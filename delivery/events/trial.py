"""The trial of an account's events: the vendor sends one, and it is waited for until it is on record."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from delivery.db import clock, ids
from delivery.events.polling import Poller
from delivery.models import ProviderEvent
from providers.connector import Connector, Wish
from providers.events import Kind
from providers.message import Mailbox, Message

_ASKED_FOR = timedelta(hours=1)  # a vendor's question that is older is asked once more
_BETWEEN = 0.5  # seconds between two looks
_MOST = 100
_TEXT = "This is a test of GoMail's provider events. Nobody should get it."


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of one account."""

    account: str
    connector: Connector
    wish: Wish
    seconds: float  # to wait for each thing that the vendor is to send

    def confirm(self) -> bool:
        """Answer the vendor's question whether posts are wanted, when it has come; False if it does not in time."""
        since = ids.floor(clock.now() - _ASKED_FOR)
        rows = ProviderEvent.objects.filter(account=self.account, kind=Kind.OTHER, id__gte=since)
        posted = rows.order_by("-id").values_list("raw", flat=True)
        return _until(
            lambda: self.connector.confirm(self.wish, posted[:_MOST]), seconds=self.seconds, every=1.0
        )

    def run(self, sender: Mailbox, poller: Poller | None) -> list[str]:
        """Have the vendor send a test event; return the kinds of those that came in time.

        poller: reads the queue meanwhile, so that no worker has to. Raises NoTestEvent or a ProviderError.
        """
        began, attempt = clock.now(), str(ids.uuid7())
        came = ProviderEvent.objects.filter(account=self.account, id__gte=ids.floor(began))
        if self.connector.test(self.wish, _message(sender), attempt):
            came = came.filter(attempt=attempt)
        _until(lambda: _look(poller) or came.exists(), seconds=self.seconds, every=_BETWEEN)
        return sorted(set(came.values_list("kind", flat=True)))


def _look(poller: Poller | None) -> bool:
    """Read the queue for a moment; the events themselves tell whether they were the ones."""
    if poller:
        poller.poll(seconds=1)
    return False


def _until(is_so: Callable[[], bool], *, seconds: float, every: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def _message(sender: Mailbox) -> Message:
    now = clock.now()
    return Message(
        id=str(ids.at(now)),
        date=now,
        sender=sender,
        to=(sender,),
        subject="GoMail test of events",
        text=_TEXT,
    )
