"""The border of connecting an account's events: what the vendor's side needs for them, step by step."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from providers.message import Message


class State(StrEnum):
    """How a step ended."""

    THERE = "there"  # it was so already
    DONE = "done"  # it was missing, or otherwise, and is so now
    MISSING = "missing"  # the same in a dry run, which has left it
    OPEN = "open"  # only a person can do it


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that the vendor's side needs."""

    what: str  # for a person
    state: State


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable by which events are found or verified."""

    name: str  # with the account's prefix
    value: str = field(repr=False)  # may be a secret; empty: the vendor does not tell it
    is_set: bool  # our configuration has it already
    where: str = ""  # where a person finds a value that the vendor does not tell


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How the events of an account are to come."""

    url: str = ""  # https, where the vendor posts them; empty: to a queue
    name: str  # of what is made at the vendor, letters, digits, - and _
    dry: bool = False  # only look

    def settle(self, what: str, act: Callable[[], object], *, there: bool) -> Step:
        """Return the step, after doing it if it is not there and this is no dry run."""
        if there:
            return Step(what=what, state=State.THERE)
        if self.dry:
            return Step(what=what, state=State.MISSING)
        act()
        return Step(what=what, state=State.DONE)


class NoTestEvent(Exception):
    """The vendor has no test event; the text says what stands in for it."""


class Connector(Protocol):
    """Sets up the events of one account at its vendor. All calls may be repeated."""

    takes_queue: ClassVar[bool]  # its events can come by a queue
    signs_url: ClassVar[bool]  # its signature covers the URL, so our side must know it by the same name

    def connect(self, wish: Wish) -> Iterator[Step | Variable]:
        """Yield each step when it is done; raise a ProviderError for the first that is refused.

        After a Variable that is not set, what needs it is left for the next time.
        """

    def confirm(self, wish: Wish, posted: Iterable[Mapping[str, Any]]) -> bool:
        """Tell the vendor that posts to the URL are wanted, if it has asked; tell whether it posts now.

        posted: what it has posted lately and was verified. Raises a ProviderError.
        """

    def test(self, wish: Wish, message: Message, attempt_id: str) -> bool:
        """Have the vendor send a test event; tell whether it has the attempt's id.

        Raises NoTestEvent, or a ProviderError.
        """
