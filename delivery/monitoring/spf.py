"""Whom an SPF record lets send, with all that it includes or redirects to, as a receiver reads it (RFC 7208).

A receiver looks up ten things for one record at most, two of which may come to nothing (section 4.6.4), and takes one
that needs more as broken. Macros stand for the mail that is being received; they are not expanded here.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_LOOKUPS: Final = 10
MOST_VOID: Final = 2
_MOST_SERVERS: Final = 10  # of one `mx` term
_RECORD: Final = re.compile(r"v=spf1(\s|$)", re.IGNORECASE)
_TERM: Final = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9_.-]*)(?P<sign>[:=/]?)(?P<rest>.*)")
_ASKING: Final = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
# What each term has looked up, whichever of these the mail's address calls for.
_KINDS: Final = {"a": ("A", "AAAA"), "mx": ("MX",), "exists": ("A",)}
Look = Callable[[str, str, float], Sequence[str]]  # the values of a name and a type, within so many seconds
_VOID: Final = (
    "DNS has nothing for {}, and SPF allows {} such names (RFC 7208): receivers take it as broken. "
    "Take away what is gone."
)
_SERVERS: Final = (
    "{} has {} mail servers, and SPF allows {} for `mx` (RFC 7208): receivers take it as broken. "
    "Name addresses (ip4:)."
)


class Unread(Exception):
    """A record could not be looked up; the text says why."""


@dataclass(kw_only=True)
class Reach:
    """What was found."""

    terms: set[str] = field(default_factory=set)  # that let somebody send, in lower case
    lookups: int = 0  # that a receiver makes
    broken: str = ""  # why a receiver takes the record as broken
    unread: list[str] = field(default_factory=list)  # what was not followed, in sentences
    is_unsure: bool = False  # some of it could not be looked up, so that another time may show more


@dataclass(frozen=True, kw_only=True)
class Term:
    """One word of a record."""

    text: str
    qualifier: str
    name: str
    sign: str  # before the value
    value: str

    def domain(self, own: str) -> str:
        """Return the name that it looks up; without one it is `own`, that of its record."""
        named = self.value.partition("/")[0].rstrip(".") if self.sign == ":" else ""
        return named or own

    @property
    def passes(self) -> bool:
        """Tell whether it lets somebody send."""
        return self.qualifier in ("", "+")


def records(values: Sequence[str]) -> list[str]:
    """Return those of a name's texts that are SPF records; a domain may have one."""
    return [value for value in values if _RECORD.match(value)]


def terms(record: str) -> list[Term]:
    """Return the words of a record up to `all`, which holds for everybody else and makes a redirect void."""
    found = [_term(word) for word in record.lower().split()[1:]]
    end = next((place for place, term in enumerate(found) if term.name == "all"), None)
    return found if end is None else [term for term in found[:end] if term.name != "redirect"]


def follow(record: str, domain: str, look: Look, seconds: float) -> Reach:
    """Return whom a domain's record reaches; what takes longer is not followed."""
    walk = _Walk(look, time.monotonic() + seconds)
    walk.read(record, (domain,), passes=True)
    walk.ask()
    return walk.reach


class _Walk:
    """From a record to all that it names, in the order of a receiver."""

    def __init__(self, look: Look, until: float) -> None:
        self._look, self._until = look, until
        self._named: dict[tuple[str, str], None] = {}  # term and name that receivers look up, in their order
        self.reach = Reach()

    def read(self, record: str, way: tuple[str, ...], *, passes: bool) -> None:
        """Take the terms of a record, and go where they lead. `way`: the domains that led here."""
        for term in terms(record):
            if self.reach.broken:
                return
            if passes and term.passes and term.name != "redirect":
                self.reach.terms.add(term.text.removeprefix("+"))
            if term.name in _ASKING:
                self._count()
            if term.name in ("include", "redirect"):
                self._go(term, way, passes=passes and term.passes)
            elif term.name in _KINDS and "%" not in term.value:
                self._named[term.name, term.domain(way[-1])] = None

    def ask(self) -> None:
        """Look up the names that were met, last: what is slow there must not keep a record from being read."""
        void: list[str] = []
        for kind, name in () if self.reach.broken else self._named:
            try:
                found = [value for each in _KINDS[kind] for value in self._values(name, each)]
            except Unread:
                continue
            if kind == "mx" and len(found) > _MOST_SERVERS:
                self.reach.broken = _SERVERS.format(name, len(found), _MOST_SERVERS)
                return
            void += [] if found else [f"{kind}:{name}"]
        if len(void) > MOST_VOID:
            self.reach.broken = _VOID.format(", ".join(void), MOST_VOID)

    def _values(self, name: str, kind: str) -> Sequence[str]:
        return self._look(name, kind, max(0.0, self._until - time.monotonic()))

    def _count(self) -> None:
        self.reach.lookups += 1
        if self.reach.lookups > MOST_LOOKUPS:
            self.reach.broken = (
                f"It needs more than {MOST_LOOKUPS} look-ups with what it includes, which is the limit of SPF "
                "(RFC 7208): receivers take it as broken. Take away what sends no more, or name addresses (ip4:)."
            )

    def _go(self, term: Term, way: tuple[str, ...], *, passes: bool) -> None:
        domain = term.value.rstrip(".")
        if self.reach.broken:
            return
        if "%" in domain:
            self.reach.unread.append(
                f"{term.text} has a macro, which stands for each mail and is not followed."
            )
        elif not domain:
            self.reach.broken = f"{term.text} names no domain: receivers take the record as broken."
        elif domain in way:
            self.reach.broken = f"{term.text} leads back to {domain}: receivers take the record as broken."
        elif (record := self._record(term, domain)) is not None:
            self.read(record, (*way, domain), passes=passes)

    def _record(self, term: Term, domain: str) -> str | None:
        try:
            found = records(self._values(domain, "TXT"))
        except Unread as reason:
            self.reach.unread.append(f"{term.text} could not be followed: {reason}")
            self.reach.is_unsure = True
            return None
        if len(found) != 1:
            has = "several SPF records" if found else "no SPF record"
            self.reach.broken = (
                f"{term.text} names a domain that has {has}: receivers take the record as broken."
            )
            return None
        return found[0]


def _term(word: str) -> Term:
    match = _TERM.fullmatch(word)
    if match is None:
        return Term(text=word, qualifier="", name="", sign="", value="")
    return Term(
        text=word,
        qualifier=match["qualifier"],
        name=match["name"],
        sign=match["sign"],
        value=match["rest"],
    )
