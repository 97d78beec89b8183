"""What the answers of Mailgun mean, by their status and the words of their message."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.errors import (
    AccountProblem,
    CannotCarry,
    ProviderError,
    RecipientsRefused,
    Refused,
    SenderRefused,
    Throttled,
    Unknown,
)
from providers.wire import http

_LONGEST_PAUSE = 3600.0

# What a status means when Mailgun itself answered, that is with a message in JSON. The others: see _unlisted.
# https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: Refused,
    413: CannotCarry,
    420: Throttled,
    429: Throttled,
}

# The few that need no message: none of them has taken the mail.
_BY_STATUS_ALONE: dict[int, type[ProviderError]] = {413: CannotCarry, 420: Throttled, 429: Throttled}

# The first that fits decides, before _BY_STATUS: statuses, and what the message says.
_BY_TEXT: tuple[tuple[frozenset[int], str, type[ProviderError]], ...] = (
    (frozenset({400, 403}), r"domain is unverified|requires dns configuration", SenderRefused),
    (frozenset({400, 403}), r"is not allowed to send|not allowed to send", AccountProblem),
    (frozenset({404}), r"domain not found", SenderRefused),
    (frozenset({400}), r"\b(to|cc|bcc)\b'? parameter is not a valid address", RecipientsRefused),
    (frozenset({400}), r"limited to 16 ?kb|too many recipients", CannotCarry),
    (frozenset({400}), r"limit exceeded", Throttled),
)


def classified(name: str, answer: http.Answer, hide: Iterable[str]) -> ProviderError:
    """Return our error for any answer but a message id."""
    words = message(answer.body)
    if b"Mailgun Magnificent API" in answer.body[:200]:
        kind: type[ProviderError] = AccountProblem  # the greeting of the interface: a wrong address
    elif words:
        kind = _kind(answer.status, words)
    elif answer.status in _BY_STATUS_ALONE and not answer.body.lstrip().startswith(b"<"):
        kind = _BY_STATUS_ALONE[answer.status]
    else:
        return http.foreign(name, answer, hide)
    detail = f"{name} answered {answer.status}: {http.said(words or answer.body, hide)}"
    pause = _pause(answer, words) if kind is Throttled else None
    return kind(detail, code=str(answer.status), retry_after=pause)


def message(answer: bytes) -> str:
    """Return Mailgun's own words, empty if somebody else has answered."""
    try:
        found = json.loads(answer)["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _kind(status: int, message: str) -> type[ProviderError]:
    for statuses, says, kind in _BY_TEXT:
        if status in statuses and re.search(says, message, re.IGNORECASE):
            return kind
    return _BY_STATUS.get(status) or _unlisted(status)


def _unlisted(status: int) -> type[ProviderError]:
    """Mailgun has sent mail in spite of answers of 5xx: they promise nothing, neither way."""
    return Unknown if status >= 500 or status == 408 or status < 300 else AccountProblem


def _pause(answer: http.Answer, message: str) -> float | None:
    """Return the seconds that Mailgun names: `try again after 30 seconds`, or after a date."""
    after = answer.headers.get("Retry-After", "")
    words = re.search(r"try again (?:after|in) (.*)", message, re.IGNORECASE)
    named = after or (words[1].strip() if words else "")
    if seconds := re.match(r"\d+(\.\d+)?(?= ?s|$)", named):
        return min(float(seconds[0]), _LONGEST_PAUSE)
    try:
        moment = parsedate_to_datetime(named)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 1.0), _LONGEST_PAUSE)
