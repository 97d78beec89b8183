"""The interface of every provider."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from providers.errors import ProviderError
from providers.message import Message, Receipt
from providers.readiness import Allowance, Readiness

_ANY = re.compile(r".*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Tags:
    """A vendor's rules for tags: the first so many that are valid are sent, each once. None is cut short."""

    most: int = 0  # the vendor has no tags
    longest: int = 255  # characters
    form: re.Pattern[str] = _ANY  # of all of a tag

    def fitting(self, tags: Sequence[str]) -> list[str]:
        """Return the tags that go with the mail."""
        known = (tag for tag in dict.fromkeys(tags) if len(tag) <= self.longest and self.form.fullmatch(tag))
        return list(known)[: self.most]


def json_bytes(values: Mapping[str, str]) -> int:
    """Return how many bytes the values are in JSON as we write it."""
    return len(json.dumps(values, ensure_ascii=False).encode("utf-8", "replace"))


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """A vendor's rules for metadata. What does not fit is left out: that is better than failing."""

    most: int = 0  # entries, ours included; 0: the vendor has no metadata
    most_bytes: int | None = None  # together; None: as many as there are
    measure: Callable[[Mapping[str, str]], int] = json_bytes
    name: re.Pattern[str] = _ANY  # the form of all of a name
    value: re.Pattern[str] = _ANY  # the same of a value

    def fitting(self, ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
        """Return our entries, and those of theirs for which there is room."""
        wanted = {
            name: value
            for name, value in theirs.items()
            if name not in ours and self.name.fullmatch(name) and self.value.fullmatch(value)
        }
        whole = {**ours, **wanted}
        if not wanted or self._fits(whole):
            return whole
        chosen = dict(ours)
        for name, value in wanted.items():
            if self._fits(more := {**chosen, name: value}):
                chosen = more
        return chosen

    def _fits(self, values: Mapping[str, str]) -> bool:
        if len(values) > self.most:
            return False
        return self.most_bytes is None or self.measure(values) <= self.most_bytes


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A provider's limits on messages, from the vendor's documentation.

    A message beyond the first group is not offered to the provider; for the second group the message is adapted.
    """

    max_bytes: int  # the whole message after encoding
    max_recipients: int  # to + cc + bcc
    blocked_extensions: frozenset[str] = frozenset()  # lower case, without the dot
    empty_files: bool = True  # takes a file of zero bytes
    needs_to: bool = False  # takes no message that is for blind copies alone
    is_relay: bool = False  # it may be any server, which may obey any header: it gets the listed ones alone
    special_use_domains: bool = False  # reaches .local, .test and the like, which are not on the internet

    blank_subject: str = ""  # what is sent for a subject of nothing but blanks
    type_parameters: bool = True  # a file's content type keeps its charset and method
    tags: Tags = Tags()
    metadata: Metadata = Metadata()


Answer = Receipt | ProviderError  # a provider's answer to one message


class Provider(Protocol):
    """One account at one vendor. Thread-safe; opens connections lazily, after a fork."""

    type: ClassVar[str]

    @property
    def limits(self) -> Limits:
        """Its limits on messages."""

    @property
    def name(self) -> str:
        """Its name in GOMAIL_PROVIDERS."""

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once, with attempt_id in its metadata; raise a ProviderError if not accepted."""

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether it would accept mail from these addresses now, by calls that send nothing. Raises nothing."""

    def close(self) -> None:
        """Close the kept connections; the next message opens new ones."""

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message in the vendor's test mode, so that nobody gets it; raise NoTestMode if it has none."""


@runtime_checkable
class Metered(Protocol):
    """A provider that tells how much and how fast its account may send; the others are asked nothing."""

    @property
    def limits(self) -> Limits:
        """Its limits on messages."""

    @property
    def name(self) -> str:
        """Its name in GOMAIL_PROVIDERS."""

    def prepare(self) -> None:
        """Look up what the first mail of this process needs, so that it is not late. Raises nothing."""

    def allowance(self) -> Allowance | None:
        """Ask the vendor by one call that sends nothing; None: it does not tell. Raises a ProviderError."""
