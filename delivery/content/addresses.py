"""Validation of addresses. Stricter than RFC 5322: an address that could be parsed in two ways is refused.

Quoted local parts, comments, groups, source routes and domain literals have all been used to smuggle a second
recipient past one parser and into another; no real mailbox needs them.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache

import email_validator

from delivery.content import directions, encoded_words
from providers.message import Mailbox

# Names of private networks: whether a provider reaches them is the provider's to say, see providers.wire.domains.
for _name in ("local", "localhost", "test", "onion", "arpa"):
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)

MAX_NAME = 255
_LONGEST_ADDRESS = 320  # as written; what is delivered to has 254
_LONGEST_MAILBOX = _LONGEST_ADDRESS + 12 * MAX_NAME  # a name may be escaped or encoded throughout
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Zero-width and bidirectional characters make two different addresses look the same; an ideographic full stop is a
# dot to some readers only.
_INVISIBLE = re.compile(
    r"[\u3002\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]"
)
_BLANKS = " \t\r\n"
_BETWEEN_ADDRESSES = re.compile(f"[{_BLANKS},;]+")
# Up to a comma or semicolon that is not in quotes; a quote that is never closed makes one piece of the rest.
_PIECE = re.compile(r'(?:[^,;"]|"(?:[^"\\]|\\.)*+(?:"|$))++', re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\["\\])*+"')
_SPECIAL = re.compile(r"[:;\\]")
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:@]+@[^\s<>()\[\]\",;:@.]+\.[^\s<>()\[\]\",;:@]+")
_LOOKALIKE_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


_ANY = re.compile(r"""("[^"]*"|[^\s<>"(),;:\[\]]+)(@|%40|&#64;)[^\s<>"'(),;:]+""", re.IGNORECASE)


class InvalidAddress(ValueError):
    """The text is not one unambiguous mailbox."""


def mailbox(text: str) -> Mailbox:
    """Read `a@b.c` or `Name <a@b.c>`; raise InvalidAddress with a sentence for the caller.

    The name is all that stands before the last <…>: in quotes, as it is, or in encoded words. It is shown to people and
    quoted anew, so it may hold what it likes but another address.
    """
    text = text.strip(" ")
    _refuse_longer(text, _LONGEST_MAILBOX)
    if "<" not in text or not text.endswith(">"):
        return Mailbox(address=bare(text))
    written, _, inside = text[:-1].rpartition("<")
    address = bare(inside.strip(" "))
    written = written.replace("\t", " ").strip(" ")
    _refuse_controls(written)
    same = {canonical(address), canonical(inside.strip(" "))}
    return Mailbox(address=address, name=_display_name(written, same))


def split(text: str) -> list[str]:
    """Return the mailboxes that a string names, as they are written.

    Bare addresses are parted by blanks, commas and semicolons; in a string that holds `<`, mailboxes by commas and
    semicolons outside quotes.
    """
    if "<" not in text:
        return [piece for piece in _BETWEEN_ADDRESSES.split(text) if piece]
    pieces = [found[0].strip(_BLANKS) for found in _PIECE.finditer(text)]
    return [piece for piece in pieces if piece]


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


def fingerprint(several: Iterable[str]) -> str:
    """Return what tells one set of recipients from another, and names nobody."""
    return hashlib.sha256("\n".join(sorted(set(several))).encode()).hexdigest()


def hidden(text: str) -> str:
    """Return the text with addresses replaced: it is about one team's mail and shown to another."""
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


def _display_name(written: str, same: Collection[str]) -> str:
    """Return the name; none where it is the address once more."""
    name = (_quoted_name if _QUOTED.fullmatch(written) else _unquoted_name)(written, same)
    if "<" in name or ">" in name:
        raise InvalidAddress(
            f"{_shown(written)} holds < or >, which stand around one address and nowhere else"
        )
    name = directions.without_marks(name).strip(" ")
    if len(name) > MAX_NAME:
        raise InvalidAddress(f"the name is longer than {MAX_NAME} characters")
    return "" if canonical(name).strip("'") in same else name


def _quoted_name(written: str, same: Collection[str]) -> str:
    """Return the name in the quotes; encoded words do not belong there, and nobody means what they look like."""
    name = re.sub(r'\\(["\\])', r"\1", written[1:-1])
    decoded = _decoded(name)
    if decoded != name:
        _refuse_another_address(written, decoded, same)
    return decoded


def _unquoted_name(written: str, same: Collection[str]) -> str:
    """Return a name that stands without quotes; raise for what another reader takes for a second mailbox."""
    if _SPECIAL.search(written) or written.startswith('"') or written.count('"') % 2:
        raise InvalidAddress(f'{_shown(written)} is no name. Put one that holds : ; \\ or " in quotes')
    name = _decoded(written)
    _refuse_another_address(written, name, same)
    return name


def _decoded(written: str) -> str:
    try:
        name = encoded_words.decoded(written)
    except encoded_words.InvalidWord as error:
        raise InvalidAddress(f"{_shown(written)}: {error}. Write the name as it is, in Unicode") from error
    _refuse_controls(name)
    return name


def _refuse_another_address(written: str, name: str, same: Collection[str]) -> None:
    if any(canonical(found).strip("'") not in same for found in _ADDRESS.findall(name)):
        raise InvalidAddress(
            f"{_shown(written)} is a name with another address in it. If it is meant, put it in quotes"
        )


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
