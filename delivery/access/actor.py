"""Who acts: the member, the key or the command on whose behalf this thread is working."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final, Literal

Kind = Literal["member", "key", "system"]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One who may change things."""

    kind: Kind
    id: str = ""  # of the user; the public id of the key
    name: str = ""  # for people
    address: str | None = None  # the client's, behind our proxies; None: it came over no network
    request_id: str | None = None


SYSTEM: Final = Actor(kind="system", name="GoMail")
_acting: ContextVar[Callable[[], Actor]] = ContextVar("acting")


def current() -> Actor:
    """Return who acts in this thread: GoMail itself, unless somebody was named."""
    who = _acting.get(None)
    return who() if who else SYSTEM


def member(id: object, name: str) -> Actor:
    """Return a person who acts here, from where the present one does: somebody whom the request has just made known."""
    return replace(current(), kind="member", id=str(id), name=name)


@contextmanager
def acting(who: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Name who acts until the end of the block; a function is asked when somebody wants to know."""
    token = _acting.set(who if callable(who) else lambda: who)
    try:
        yield
    finally:
        _acting.reset(token)
