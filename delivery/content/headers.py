"""Rules for the headers that a client may add."""

import re

from providers.mime import headers as mime

MAX_VALUE = 20_000  # characters: References of some 300 mails; Postfix cuts a header off at 100 kB
MAX_WORD = 900  # characters without a blank, where a line may end; RFC 5322 ends it at 998
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROLS = re.compile(f"{_CONTROL.pattern}+")
_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
# Headers set by the message itself or by a provider: a client could contradict its own request with them.
_SET = (
    *("from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "return-path"),
    *("received", "mime-version", "authentication-results"),
)
# Headers by which relays are told to send to others, or back, or not at all.
_ORDERS = (
    *("apparently-to", "delivered-to", "original-recipient", "rcpt-to", "x-rcpt-to", "x-original-to"),
    *("x-delivered-to", "x-failed-recipients", "errors-to", "x-errors-to", "bounces-to", "x-bcc", "x-cc"),
    *("disposition-notification-to", "disposition-notification-options", "return-receipt-to"),
    *("return-receipt-requested", "generate-delivery-report", "read-receipt-to", "x-confirm-reading-to"),
    *("registered-mail-reply-requested-by", "x-apiheader", "x-unione", "x-critsend"),
    *("x-virtualmta", "x-virtual-mta", "x-envid", "x-kumoref"),
)
# Beginnings of names that vendors and mail servers take orders by: X-MSYS-API is SparkPost's, X-PM-… Postmark's.
_FAMILIES = (
    *("dkim", "arc", "content", "resent", "envelope", "x-envelope", "x-gomail"),
    *("x-ses", "x-amz", "x-amazon", "x-smtpapi", "x-sg", "x-mailgun", "x-mc", "x-mandrill", "x-msys"),
    *("x-sparkpost", "x-mj", "x-mailjet", "x-pm", "x-postmark", "x-mailin", "x-sib", "x-brevo"),
    *("x-elasticemail", "x-smtp2go", "x-smtpcom", "x-smtpeter", "x-mt", "x-mailersend", "x-mailpace"),
    *("x-emailit", "resend", "x-resend", "x-dynectemail", "x-pmta", "x-greenarrow", "x-ms-exchange"),
)
_RESERVED = re.compile(rf"{'|'.join((*_SET, *_ORDERS))}|(?:{'|'.join(_FAMILIES)})(?:-.*)?", re.IGNORECASE)


class InvalidHeader(ValueError):
    """This name or value must not reach a header."""


def refuse_controls(value: str) -> None:
    """Raise InvalidHeader if the text has a character that could end a header line or hide in it."""
    found = _CONTROL.search(value)
    if found:
        raise InvalidHeader(
            f"contains the control character U+{ord(found[0]):04X} at position {found.start()}"
        )


def without_controls(value: str) -> str:
    """Return a value with a blank for each row of characters that no header may have."""
    return _CONTROLS.sub(" ", value)


def without_line_end(value: str) -> str:
    """Return a value without the line ends behind it, which templates leave there, and the blanks around those."""
    bare = value.rstrip(" \t\r\n")
    return bare if "\n" in value[len(bare) :] or "\r" in value[len(bare) :] else value


def check(name: str, value: str) -> None:
    """Raise InvalidHeader unless a client may add this header."""
    if not _NAME.fullmatch(name):
        raise InvalidHeader("a header's name has 1 to 76 letters, digits and hyphens")
    if _RESERVED.fullmatch(name):
        raise InvalidHeader(f"{name} is set by GoMail or gives orders to a mail server; leave it out")
    if len(value) > MAX_VALUE:
        raise InvalidHeader(f"the value is longer than {MAX_VALUE} characters")
    if max(map(len, mime.words(value)), default=0) > MAX_WORD:
        raise InvalidHeader(f"the value has more than {MAX_WORD} characters without a blank to end a line at")
    refuse_controls(value)
    if name.lower() in mime.STRUCTURED:
        _refuse_all_but_ascii(name, value)


def _refuse_all_but_ascii(name: str, value: str) -> None:
    """Nobody decodes an encoded word here: a link in one is no link."""
    found = re.search(r"[^\x00-\x7f]", value)
    if found:
        raise InvalidHeader(
            f"the value holds {found[0]!r} at position {found.start()}, and {name} is written in ASCII alone:"
            " write a link with percent-encoding, a domain as xn--…"
        )
