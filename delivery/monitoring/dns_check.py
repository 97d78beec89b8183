"""Whether DNS has a record as it is wanted. Pure: what was found is given."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delivery.monitoring import spf
from delivery.monitoring.spf import Reach
from providers.sender_domains import Purpose, Record

_BLANKS: Final = re.compile(r"\s+")
_DMARC: Final = re.compile(r"v\s*=\s*DMARC1\s*(;|$)", re.IGNORECASE)
_POLICY: Final = re.compile(r";\s*p\s*=\s*(none|quarantine|reject)\s*(;|$)", re.IGNORECASE)
_ALL: Final = re.compile(r"[+?~-]?all|redirect=.*", re.IGNORECASE)


class State(StrEnum):
    """What a look-up came to."""

    FOUND = "found"
    MISSING = "missing"
    DIFFERENT = "different"
    UNASKED = "could not be asked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What DNS has in the place of one record."""

    state: State
    found: tuple[str, ...] = ()  # in its place, where it is different
    advice: str = ""  # for a person
    instead: str = ""  # the value to enter for the one that is there


MISSING: Final = Finding(state=State.MISSING)
FOUND: Final = Finding(state=State.FOUND)
_WITHIN: Final = "It is in what the SPF record of this name includes."
_ONE_SPF: Final = "A domain has one SPF record: change the one that is there."
_FULL: Final = (
    "It needs {} look-ups already, of the {} that SPF allows (RFC 7208): first take away what sends no more."
)


def judge(record: Record, values: Sequence[str], reach: Reach | None = None) -> Finding:
    """Return what it means that a name has these values of the record's type.

    `reach`: of the SPF record among them, where it was followed.
    """
    if record.type != "TXT":
        return _names(record, values)
    if record.purpose == Purpose.SPF:
        return _spf(record, values, reach or Reach())
    return _TEXTS.get(record.purpose, _exact)(record, values)


def inherited(values: Sequence[str], place: str) -> Finding | None:
    """Return what a DMARC record of a domain above means; None if it has none."""
    known = [value for value in values if _DMARC.match(value)]
    if len(known) != 1 or not _POLICY.search(known[0]):
        return None
    return Finding(
        state=State.FOUND, found=(known[0],), advice=f"It stands at {place}, which covers this domain."
    )


def _names(record: Record, values: Sequence[str]) -> Finding:
    """Compare host names; of an MX record the priority does not matter."""
    wanted, found = _host(record.value), [_host(value) for value in values]
    if wanted in found:
        return FOUND
    return _different(values) if values else MISSING


def _host(value: str) -> str:
    return value.rpartition(" ")[2].rstrip(".").lower()


def _exact(record: Record, values: Sequence[str]) -> Finding:
    """Look for the very text; a name may have many others beside it."""
    return FOUND if record.value.strip() in [value.strip() for value in values] else MISSING


def _dkim(record: Record, values: Sequence[str]) -> Finding:
    """Compare the public keys: that is what verifies; blanks come and go while it is entered."""
    if _key(record.value) in [_key(value) for value in values]:
        return FOUND
    return _different(values) if values else MISSING


def _key(value: str) -> str:
    tags = dict(tag.partition("=")[::2] for tag in _BLANKS.sub("", value).split(";"))
    return tags.get("p", "")


def _spf(record: Record, values: Sequence[str], reach: Reach) -> Finding:
    """Look for the vendor's terms in the one SPF record, and in what it includes."""
    known = spf.records(values)
    if not known:
        return MISSING
    if len(known) > 1:
        return _different(known, "A domain may have one SPF record: with several none counts. Join them.")
    own = _terms(known[0])
    missing = [term for term in _terms(record.value) if term not in own and term not in reach.terms]
    if reach.broken:
        return _different(known, reach.broken)
    if missing:
        return _without(known[0], missing, reach)
    within = [term for term in _terms(record.value) if term not in own]
    return Finding(state=State.FOUND, advice=_WITHIN) if within else FOUND


def _without(record: str, missing: Sequence[str], reach: Reach) -> Finding:
    """Return what is told of an SPF record that lacks terms, or seems to."""
    state = State.UNASKED if reach.is_unsure else State.DIFFERENT
    advice = [_ONE_SPF, *reach.unread]
    if reach.lookups + len(missing) > spf.MOST_LOOKUPS:
        advice.append(_FULL.format(reach.lookups, spf.MOST_LOOKUPS))
    return Finding(state=state, found=(record,), advice=" ".join(advice), instead=_joined(record, missing))


def _terms(value: str) -> list[str]:
    """Return what may send by an SPF record."""
    return [term.text.removeprefix("+") for term in spf.terms(value) if term.name != "redirect"]


def _joined(value: str, missing: Sequence[str]) -> str:
    """Return an SPF record with more terms, before that for all others."""
    words = value.split()
    place = next((place for place, word in enumerate(words) if _ALL.fullmatch(word)), len(words))
    return " ".join([*words[:place], *missing, *words[place:]])


def _dmarc(record: Record, values: Sequence[str]) -> Finding:
    """Take any policy; one record may stand there."""
    known = [value for value in values if _DMARC.match(value)]
    if not known:
        return MISSING
    if len(known) > 1:
        return _different(known, "A domain may have one DMARC record: with several none counts.")
    if not _POLICY.search(known[0]):
        return _different(known, "It names no policy: p=none, p=quarantine or p=reject.")
    return Finding(state=State.FOUND, found=(known[0],))


def _different(values: Sequence[str], advice: str = "") -> Finding:
    return Finding(state=State.DIFFERENT, found=tuple(values), advice=advice)


_TEXTS: Final[dict[Purpose, Callable[[Record, Sequence[str]], Finding]]] = {
    Purpose.DKIM: _dkim,
    Purpose.DMARC: _dmarc,
}
