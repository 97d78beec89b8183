"""Posts of vendors: verified, read and recorded; what is not believed says how it must be answered."""

from collections.abc import Mapping

from delivery.counting import counters
from delivery.events import record
from delivery.events.record import Tally
from delivery.routing import configured
from providers.events import CannotVerify, Forged, Post


class UnknownAccount(Exception):
    """No account of this name, or one that tells of no events."""


class Refused(Exception):
    """The post is proven not to be the vendor's: 403 makes it give up."""


class NotAcceptable(Exception):
    """The same, of a vendor that gives up at 406 alone."""


_REFUSALS: Mapping[int, type[Exception]] = {403: Refused, 406: NotAcceptable}


def take(account: str, post: Post) -> Tally:
    """Record the events of a post.

    Raises UnknownAccount, Refused, NotAcceptable, CannotVerify, and the errors of a database that is away; then nothing
    is kept.
    """
    source = configured.source(account)
    if source is None:
        raise UnknownAccount
    try:
        source.verify(post)
        binding = source.binding(post)
        return record.record(account, source.parse(post), bindings=[binding] if binding else [])
    except CannotVerify:
        counters.refused(account, "not_verified")
        raise
    except Forged as forgery:
        counters.refused(account, "forged")
        raise _REFUSALS[source.forged](str(forgery)) from forgery
