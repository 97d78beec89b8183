"""Builds a header block from Unicode values: encoded, folded, and verified to contain exactly the intended headers."""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from providers.errors import Refused
from providers.message import Mailbox

LINE = 78  # preferred by RFC 5322
LONGEST_LINE = 998  # its limit
WORD = 39  # bytes of an encoded word, so that "Reply-To: " and one word fit in a line

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BLOCK = re.compile(rb"(?: *[!-~][ -~]*\r\n)+")  # no bare CR, LF or NUL, no empty line
_NAME = re.compile(r"[!-9;-~]{1,76}")
_ADDRESS = re.compile(r"""[!#-'*+\-./0-9=?A-Z^-~]+@[A-Za-z0-9.\-_]+""")
_ATOMS = re.compile(r"[\w!#$%&'*+/?^`{|}~-]+(?: [\w!#$%&'*+/?^`{|}~-]+)*", re.ASCII)
_PLAIN_FILENAME = re.compile(r"[\w()+,.-]+(?: [\w()+,.-]+)*", re.ASCII)

# What a reader would decode, wherever it stands in a text.
_ENCODED_WORD = re.compile(r"=\?[!-~]*\?[bq]\?[ -~]*\?=", re.IGNORECASE)

# Headers whose form is fixed, so that nobody decodes an encoded word in them: RFC 2369, 2919, 3834, 5322, 8058.
STRUCTURED = frozenset(
    {
        *("references", "in-reply-to", "original-message-id", "supersedes", "obsoletes", "message-context"),
        *(
            "list-unsubscribe",
            "list-unsubscribe-post",
            "list-subscribe",
            "list-help",
            "list-post",
            "list-owner",
        ),
        *(
            "list-archive",
            "archived-at",
            "auto-submitted",
            "x-auto-response-suppress",
            "precedence",
            "importance",
        ),
        *("priority", "x-priority", "x-msmail-priority", "sensitivity", "expires", "expiry-date", "reply-by"),
        *("feedback-id", "autocrypt", "tls-required", "require-recipient-valid-since"),
    }
)

Header = tuple[str, Sequence[str]]  # the name, and tokens: lines may be folded between them only


def text(name: str, value: str) -> Header:
    """Return an unstructured header, as RFC 2047 encoded words if the value needs them to be lossless."""
    _refuse_controls(name, value)
    words = value.split(" ")
    odd = "" in words[:1] + words[-1:] or max(map(len, words)) > 900
    if odd or not value.isascii() or ("=?" in value and _ENCODED_WORD.search(value)):
        return name, encoded_words(value)
    return name, re.findall(r"(?:^|(?<= )) *[^ ]+", value)


def by_name(name: str, value: str) -> Header:
    """Return a header that a client has added, in the form that its name asks for."""
    if name.lower() in STRUCTURED:
        return structured(name, value)
    return _list_id(name, value) if name.lower() == "list-id" else text(name, value)


def structured(name: str, value: str) -> Header:
    """Return a header that is never encoded, and is folded between its ids or links; `Refused` if it is not ASCII."""
    _refuse_controls(name, value)
    if not value.isascii():
        raise Refused(f"The header {name} holds a character outside of ASCII, and may not be encoded.")
    return name, words(value)


def words(value: str) -> list[str]:
    """Return what a line may not end in: ids and links, also where no blank parts them."""
    return value.replace("><", "> <").replace(">,<", ">, <").split()


def _list_id(name: str, value: str) -> Header:
    """Return List-Id, in which only the words before the id in <> may be encoded."""
    words, opening, id_ = value.rpartition("<")
    if not opening:
        return structured(name, value)
    _, tokens = structured(name, opening + id_)
    return name, [*(_phrase(name, words.strip().strip('"')) if words.strip() else []), *tokens]


def mailboxes(name: str, boxes: Iterable[Mailbox]) -> Header:
    """Return an address header such as To."""
    tokens: list[str] = []
    for box in boxes:
        if not _ADDRESS.fullmatch(box.address):
            raise Refused(f"The address {box.address!r} cannot stand in the {name} header.")
        if tokens:
            tokens[-1] += ","
        tokens += [*_phrase(name, box.name), f"<{box.address}>"] if box.name else [box.address]
    return name, tokens


def parameter(name: str, value: str) -> list[str]:
    """Return a MIME parameter, in RFC 2231 sections if it is long, not ASCII, or could be misread."""
    _refuse_controls(name, value)
    if len(value) < 60 and _PLAIN_FILENAME.fullmatch(value):
        return [f'{name}="{value}"']
    sections = [""]
    for letter in value:
        piece = quote(letter, safe="")
        if len(sections[-1]) + len(piece) > 50:
            sections.append("")
        sections[-1] += piece
    if len(sections) == 1:
        return [f"{name}*=utf-8''{sections[0]}"]
    first = f"{name}*0*=utf-8''{sections[0]}"
    return [first, *(f"{name}*{i}*={section}" for i, section in enumerate(sections[1:], 1))]


def old_parameter(name: str, value: str) -> list[str]:
    """Return a MIME parameter as programs read it that know no RFC 2231: a quoted string, if need be of encoded words.

    RFC 2047 forbids those here, and Outlook, Gmail and most others write and read them. What would not fit into a
    line is left out: half a name is worse than none.
    """
    _refuse_controls(name, value)
    if len(value) > 900:
        return []
    if not value.isascii() or "=?" in value:
        first, *others = encoded_words(value)
        tokens = [f'{name}="{first}', *others]
        return [*tokens[:-1], tokens[-1] + '"']
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return [f'{name}="{escaped}"']


def encoded_words(value: str) -> list[str]:
    """Return RFC 2047 encoded words, split between characters."""
    data, words, start = value.encode(), [], 0
    while start < len(data):
        end = start + WORD
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{b2a_base64(data[start:end], newline=False).decode()}?=")
        start = end
    return words


def block(headers: Sequence[Header]) -> bytes:
    """Return the lines of all headers, without the empty line; raise `Refused` if they are not as intended."""
    lines = "".join([_folded(name, tokens) for name, tokens in headers]).encode("ascii", "replace")
    _verify(lines, [name for name, _ in headers])
    return lines


def _phrase(header: str, name: str) -> list[str]:
    _refuse_controls(header, name)
    if not name.isascii() or "=?" in name or len(name) > LINE or name != " ".join(name.split(" ")).strip():
        return encoded_words(name)
    if "  " in name:  # parsers shorten a run of spaces, even between quotes
        return encoded_words(name)
    if _ATOMS.fullmatch(name):
        return [name]
    return ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"']


def _folded(name: str, tokens: Sequence[str]) -> str:
    line = f"{name}: " + " ".join(tokens)
    if len(line) <= LINE:
        return line + "\r\n"
    lines = [f"{name}:"]
    for position, token in enumerate(tokens):
        if position and len(lines[-1]) + 1 + len(token) > LINE:
            lines.append(f" {token}")
        else:
            lines[-1] += f" {token}"
    return "\r\n".join(lines) + "\r\n"


def _verify(lines: bytes, names: list[str]) -> None:
    """Check the result against the names, so that no value can inject a header."""
    split = lines.decode("ascii").split("\r\n")
    found = (
        [line.partition(":")[0] for line in split[:-1] if line[0] != " "] if _BLOCK.fullmatch(lines) else []
    )
    if found != names or not all(map(_NAME.fullmatch, names)):
        raise Refused("The headers of the message are not the ones intended.")
    if max(map(len, split)) > LONGEST_LINE:
        raise Refused(f"A header of the message has a word that does not fit into {LONGEST_LINE} characters.")


def _refuse_controls(name: str, value: str) -> None:
    if _CONTROL.search(value):
        raise Refused(f"The {name} of the message contains a control character.")
