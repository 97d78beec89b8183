"""Validation of addresses. Stricter than RFC 5322: an address that could be parsed in two ways is refused.

Quoted local parts, comments, groups, source routes and domain literals have all been used to smuggle a second
recipient past one parser and into another; no real mailbox needs them.
"""

import re
import unicodedata
from functools import lru_cache

import email_validator

from providers.message import Mailbox

# Names of private networks: whether a provider reaches them is the provider's to say, see providers.domains.
for _name in ("local", "localhost", "test", "onion", "arpa"):
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)

MAX_NAME = 255
_LONGEST_ADDRESS = 320  # as written; a deliverable one has at most 254
_LONGEST_MAILBOX = _LONGEST_ADDRESS + 2 * MAX_NAME + 5  # a quoted name may be escaped throughout
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Zero-width and bidirectional characters make two different addresses look the same; an ideographic full stop is a
# dot to some readers only.
_INVISIBLE = re.compile(
    r"[\u3002\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]"
)
_NAMED = re.compile(r'(?P<name>"(?:[^"\\<>]|\\["\\])*"|[^"<>@,;:()\\\[\]]*?) ?<(?P<address>[^<>\s"]+)>')
_LOOKALIKE_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


_ANY = re.compile(r"""("[^"]*"|[^\s<>"(),;:\[\]]+)(@|%40|&#64;)[^\s<>"'(),;:]+""", re.IGNORECASE)


class InvalidAddress(ValueError):
    """The text is not one unambiguous mailbox."""


def mailbox(text: str) -> Mailbox:
    """Read `a@b.c` or `Name <a@b.c>`; raise InvalidAddress with a sentence for the caller."""
    text = text.strip(" ")
    _refuse_longer(text, _LONGEST_MAILBOX)
    _refuse_controls(text)
    named = _NAMED.fullmatch(text)
    if not named:
        return Mailbox(address=bare(text))
    return Mailbox(address=bare(named["address"]), name=_display_name(named["name"]))


def bare(text: str) -> str:
    """Read `a@b.c` and return it with the domain as lower-case A-labels."""
    _refuse_longer(text, _LONGEST_ADDRESS)
    _refuse_controls(text)
    if "=?" in text:  # an encoded word: some parsers decode it and find another address
        raise InvalidAddress(f"{_shown(text)} is written like an encoded word")
    if _INVISIBLE.search(text) or unicodedata.normalize("NFKC", text) != text:
        raise InvalidAddress(f"{_shown(text)} contains characters that look like others or like nothing")
    _refuse_mixed_scripts(text)
    return _deliverable(text)


def canonical(address: str) -> str:
    """Return the form for comparisons: all lower case."""
    return address.lower()


def hidden(text: str) -> str:
    """Return the text with addresses replaced: it is about one owner's mail and shown to another."""
    return _ANY.sub("[address]", text)


@lru_cache(maxsize=4096)
def _deliverable(text: str) -> str:
    try:
        valid = email_validator.validate_email(
            text, strict=True, check_deliverability=False, allow_smtputf8=False
        )
    except email_validator.EmailNotValidError as error:
        raise InvalidAddress(f"{_shown(text)}: {error}") from error
    if valid.ascii_domain.endswith(".arpa") and not valid.ascii_domain.endswith(".home.arpa"):
        raise InvalidAddress(f"{_shown(text)}: .arpa holds addresses of machines, and no mailboxes")
    return f"{valid.local_part}@{valid.ascii_domain}"


def _display_name(name: str) -> str:
    name = re.sub(r'\\(["\\])', r"\1", name[1:-1]) if name.startswith('"') else name
    if len(name) > MAX_NAME:
        raise InvalidAddress(f"the name is longer than {MAX_NAME} characters")
    return name.strip(" ")


def _refuse_longer(text: str, longest: int) -> None:
    """Refuse an overlong text; called first, because megabytes of text would cost every later rule seconds."""
    if len(text) > longest:
        raise InvalidAddress(f"{_shown(text)} is longer than an address can be")


def _refuse_controls(text: str) -> None:
    if _CONTROL.search(text):
        raise InvalidAddress(f"{_shown(text)} contains a control character")


def _refuse_mixed_scripts(text: str) -> None:
    for label in text.rpartition("@")[2].split("."):
        scripts = {unicodedata.name(letter, "?").split()[0] for letter in label if not letter.isascii()}
        scripts |= {"LATIN"} if re.search("[a-zA-Z]", label) else set()
        if len(scripts & _LOOKALIKE_SCRIPTS) > 1:
            raise InvalidAddress(f"{_shown(text)} mixes alphabets that look alike in one name")


def _shown(text: str) -> str:
    """Return the text in a form fit for an error message: short, printable, in quotes."""
    return ascii(text if len(text) <= 80 else text[:80] + "…")
