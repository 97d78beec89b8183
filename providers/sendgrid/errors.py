"""Classifies the answers of SendGrid by their status and list of errors."""

import json
import re
from collections.abc import Iterable
from typing import Any

from providers.errors import (
    AccountProblem,
    CannotCarry,
    ProviderError,
    RecipientsRefused,
    SenderRefused,
    Throttled,
    Unavailable,
    Unknown,
)
from providers.wire import http, waiting
from providers.wire import words as vendor

# The error for a status when SendGrid itself answered, that is with a list of errors. A 400 is about SendGrid's own
# rules: the message has passed ours, and other vendors may take it.
# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: CannotCarry,
    413: CannotCarry,
    429: Throttled,
    500: Unavailable,
    503: Unavailable,
}

_PAUSING = frozenset({Throttled, Unavailable})  # errors with a time to come back

# Statuses that need no list of errors: in none of these cases was the mail accepted.
_BY_STATUS_ALONE: dict[int, type[ProviderError]] = {
    200: AccountProblem,
    413: CannotCarry,
    429: Throttled,
    503: Unavailable,
}

# The first match decides, before _BY_STATUS: statuses, patterns of the field and of the text.
_BY_TEXT: tuple[tuple[frozenset[int], str, str, type[ProviderError]], ...] = (
    (frozenset({401, 403}), "", r"credits exceeded", AccountProblem),
    (frozenset({400, 401, 403}), "", r"verified sender identity", SenderRefused),
    (frozenset({403}), r"from(\.email)?", "", SenderRefused),
    (frozenset({400}), r"personalizations\..*\b(to|cc|bcc)\b.*\bemail", "", RecipientsRefused),
)


def classified(name: str, answer: http.Answer, hide: Iterable[str]) -> ProviderError:
    """Return the error for any answer but 202."""
    errors = errors_of(answer.body)
    if errors:
        kind = _kind(answer.status, errors)
    elif answer.status in _BY_STATUS_ALONE and (not answer.body or answer.status == 429):
        kind = _BY_STATUS_ALONE[answer.status]
    else:
        return http.foreign(name, answer, hide)
    detail = f"{name} answered {answer.status}: {http.said(words_of(errors) or answer.words, hide)}"
    pause = _pause(answer) if kind in _PAUSING else None
    return kind(detail, code=str(answer.status), retry_after=pause)


def rehearsed(answer: http.Answer) -> bool:
    """Tell whether SendGrid validated a message in its sandbox mode: 200 and an empty answer."""
    return answer.status == 200 and answer.body.strip() in (b"", b"{}", b"null")


def errors_of(answer: bytes) -> list[dict[str, Any]]:
    """Return SendGrid's list of errors; empty if the answer is not SendGrid's."""
    try:
        errors = json.loads(answer)["errors"]
        return [error for error in errors if isinstance(error, dict)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def words_of(errors: Iterable[dict[str, Any]]) -> str:
    """Return the texts of a list of errors, each with its field."""
    return "; ".join(f"{error.get('message')} ({error.get('field') or '-'})" for error in errors)


def _kind(status: int, errors: Iterable[dict[str, Any]]) -> type[ProviderError]:
    for error in errors:
        where, words = str(error.get("field") or ""), str(error.get("message") or "")
        for statuses, field_says, text_says, kind in _BY_TEXT:
            if status in statuses and re.search(field_says, where) and re.search(text_says, words, re.I):
                return vendor.judged(kind, text_says, words)
    unlisted = Unknown if status >= 500 or status == 408 or status < 300 else AccountProblem
    return _BY_STATUS.get(status, unlisted)


def _pause(answer: http.Answer) -> float | None:
    """Return the seconds until the limit is lifted: X-RateLimit-Reset is a point in time."""
    named = answer.retry_after
    return named if named is not None else waiting.until(answer.headers.get("X-RateLimit-Reset", ""))
