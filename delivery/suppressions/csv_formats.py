"""The CSV files that hold suppressions: ours, and those that vendors give out, told by the names of their columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from django.utils.dateparse import parse_date, parse_datetime

from delivery.db.text import storable
from delivery.models import Suppression
from delivery.models.suppression import ALL, LIST, MARKETING

COLUMNS: Final = ("address", "kind", "scope", "reason", "source", "created_at", "expires_at")  # of our own
_SCOPE = re.compile(rf"{ALL}|{MARKETING}|{LIST}[^\x00-\x1f\x7f-\x9f]{{1,100}}")
# What databases can reckon with.
_OLDEST, _NEWEST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1990, 3000))
Kind = Suppression.Kind
_OF_SES = {"BOUNCE": Kind.HARD_BOUNCE, "COMPLAINT": Kind.COMPLAINT}


class Unreadable(Exception):
    """This row, or this file, cannot be taken; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a file, in our words."""

    address: str
    kind: str
    scope: str = ALL
    reason: str = ""
    source: str = ""
    at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of file."""

    name: str
    needs: frozenset[str]  # columns, lower case and without blanks and _
    read: Callable[[Mapping[str, str]], Line]


def recognised(columns: Sequence[str]) -> Format | None:
    """Return the format of a file by its plain columns; None for a file that is none of them."""
    return next((each for each in FORMATS if each.needs <= {*columns}), None)


def columns_of(first: Sequence[str]) -> tuple[list[str], bool]:
    """Return the plain columns that a file's first row names, and whether it names any: SES imports files without."""
    if "@" not in first[0]:
        return [plain(name) for name in first], True
    of_ses = len(first) > 1 and first[1].strip().upper() in _OF_SES
    return ["emailaddress" if of_ses else "address", "reason", *first[2:]], False


def plain(name: str) -> str:
    """Return a column's name without what vendors write differently."""
    return re.sub(r"[^a-z]", "", name.lower())


def moment(text: str) -> datetime | None:
    """Read a time as ISO 8601, RFC 2822 or seconds since 1970; raise Unreadable. Without a zone it is UTC."""
    if not (text := text.strip()):
        return None
    try:
        found = _moment(text)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise Unreadable(f"{text[:40]!a} is no time") from error
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not _OLDEST <= aware < _NEWEST:
        raise Unreadable(f"{text[:40]!a} is too {'long ago' if aware < _OLDEST else 'far ahead'}")
    return aware


def _moment(text: str) -> datetime:
    if re.fullmatch(r"[0-9]{9,10}(\.[0-9]+)?", text):
        return datetime.fromtimestamp(float(text), tz=UTC)
    text = text.removesuffix(" UTC")
    if found := parse_datetime(text.replace(" +", "+").replace(" -", "-")):
        return found
    if day := parse_date(text):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return parsedate_to_datetime(text)


def _ours(row: Mapping[str, str]) -> Line:
    kind, scope = row.get("kind") or Kind.MANUAL, row.get("scope") or ALL
    if kind not in Kind.values:
        raise Unreadable(f"{kind[:40]!a} is no kind; it is one of {', '.join(Kind.values)}")
    if not _SCOPE.fullmatch(scope):
        raise Unreadable(f"{scope[:40]!a} is no scope; it is all, marketing or list:<name>")
    return Line(
        address=row.get("address") or row.get("email") or "",
        kind=kind,
        scope=scope,
        reason=row.get("reason", ""),
        source=storable(row.get("source", "")),
        at=moment(row.get("createdat", "")),
        expires_at=moment(row.get("expiresat", "")),
    )


def _ses(row: Mapping[str, str]) -> Line:
    reason = row["reason"].upper()
    at = row.get("lastupdatetime") or row.get("lastupdated") or row.get("lastupdate") or ""
    return Line(address=_address(row), kind=_of(_OF_SES, reason), at=moment(at))


def _postmark(row: Mapping[str, str]) -> Line:
    kinds = {
        "HARDBOUNCE": Kind.HARD_BOUNCE,
        "SPAMCOMPLAINT": Kind.COMPLAINT,
        "MANUALSUPPRESSION": Kind.MANUAL,
    }
    kind = _of(kinds, plain(row["suppressionreason"]).upper())
    origin = row.get("origin", "")
    kind = Kind.UNSUBSCRIBE if kind == Kind.MANUAL and origin.lower() == "recipient" else kind
    return Line(address=_address(row), kind=kind, scope=_scope(kind), at=moment(row.get("createdat", "")))


def _mandrill(row: Mapping[str, str]) -> Line:
    kinds = {
        "hard-bounce": Kind.HARD_BOUNCE,
        "soft-bounce": Kind.HARD_BOUNCE,  # Mandrill lists it once it gives up, until expires_at
        "spam": Kind.COMPLAINT,
        "unsub": Kind.UNSUBSCRIBE,
        "custom": Kind.MANUAL,
        "invalid": Kind.INVALID,
    }
    kind = _of(kinds, row["reason"].lower())
    at = row.get("createdat") or row.get("created") or row.get("lasteventat") or ""
    return Line(
        address=_address(row),
        kind=kind,
        scope=_scope(kind),
        reason=row.get("detail", ""),
        at=moment(at),
        expires_at=moment(row.get("expiresat") or row.get("expires") or ""),
    )


def _bounces(row: Mapping[str, str]) -> Line:
    """Read a bounce of SendGrid (email, reason, status, created) or Mailgun (address, code, error, created_at)."""
    code = (row.get("status") or row.get("code") or "").strip()
    if code.startswith("4"):
        raise Unreadable(f"{code[:20]} is a failure that passes; the vendor itself goes on sending")
    reason = " ".join(part for part in (code, row.get("reason") or row.get("error") or "") if part)
    return Line(address=_address(row), kind=Kind.HARD_BOUNCE, reason=reason, at=_created(row))


def _complaints(row: Mapping[str, str]) -> Line:
    return Line(address=_address(row), kind=Kind.COMPLAINT, at=_created(row))


def _unsubscribes(row: Mapping[str, str]) -> Line:
    return Line(address=_address(row), kind=Kind.UNSUBSCRIBE, scope=MARKETING, at=_created(row))


def _invalid(row: Mapping[str, str]) -> Line:
    return Line(address=_address(row), kind=Kind.INVALID, reason=row.get("reason", ""), at=_created(row))


def _created(row: Mapping[str, str]) -> datetime | None:
    return moment(row.get("created") or row.get("createdat") or "")


def _address(row: Mapping[str, str]) -> str:
    return row.get("address") or row.get("email") or row.get("emailaddress") or row.get("recipient") or ""


def _of(kinds: Mapping[str, str], word: str) -> str:
    if word not in kinds:
        raise Unreadable(f"{word[:40]!a} is not known; it is one of {', '.join(kinds)}")
    return kinds[word]


def _scope(kind: str) -> str:
    return MARKETING if kind == Kind.UNSUBSCRIBE else ALL


def _format(name: str, needs: str, read: Callable[[Mapping[str, str]], Line]) -> Format:
    return Format(name=name, needs=frozenset(needs.split()), read=read)


# The first that fits: what needs more columns stands before what needs fewer.
FORMATS: Final = (
    _format("gomail", "address kind", _ours),
    _format("postmark", "emailaddress suppressionreason", _postmark),
    _format("ses", "emailaddress reason", _ses),
    _format("mandrill", "email reason detail", _mandrill),
    _format("mandrill", "email reason expiresat", _mandrill),
    _format("sendgrid bounces", "email status reason", _bounces),
    _format("sendgrid spam reports", "email ip created", _complaints),
    _format("sendgrid invalid emails", "email reason created", _invalid),
    _format("sendgrid unsubscribes", "email created", _unsubscribes),
    _format("mailgun bounces", "address code error", _bounces),
    _format("mailgun unsubscribes", "address tags createdat", _unsubscribes),
    _format("mailgun unsubscribes", "address tag createdat", _unsubscribes),
    _format("mailgun complaints", "address count createdat", _complaints),
    _format("gomail", "address", _ours),
    _format("gomail", "email", _ours),
)
