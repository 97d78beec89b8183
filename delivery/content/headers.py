"""Rules for the headers that a client may add."""

import re

MAX_VALUE = 900  # characters; RFC 5322 ends a line at 998
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
# Headers set by the message itself or by a provider: a client could contradict its own request with them.
_RESERVED = re.compile(
    r"(?:from|to|cc|bcc|sender|reply-to|subject|date|message-id|return-path|received|mime-version"
    r"|(?:dkim|arc|content|resent|x-gomail|x-ses|x-smtpapi|x-sg|x-mailgun|x-mc|x-amz)(?:-.*)?"
    r"|authentication-results|delivered-to|errors-to|disposition-notification-to|return-receipt-to)",
    re.IGNORECASE,
)


class InvalidHeader(ValueError):
    """This name or value must not reach a header."""


def refuse_controls(value: str) -> None:
    """Raise InvalidHeader if the text has a character that could end a header line or hide in it."""
    found = _CONTROL.search(value)
    if found:
        raise InvalidHeader(
            f"contains the control character U+{ord(found[0]):04X} at position {found.start()}"
        )


def check(name: str, value: str) -> None:
    """Raise InvalidHeader unless a client may add this header."""
    if not _NAME.fullmatch(name):
        raise InvalidHeader("a header's name has 1 to 76 letters, digits and hyphens")
    if _RESERVED.fullmatch(name):
        raise InvalidHeader(f"{name} is set by GoMail or by the provider")
    if len(value) > MAX_VALUE:
        raise InvalidHeader(f"the value is longer than {MAX_VALUE} characters")
    refuse_controls(value)
