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

Header = tuple[str, Sequence[str]]  # the name, and tokens: lines may be folded between them only


def text(name: str, value: str) -> Header:
    """Return an unstructured header, as RFC 2047 encoded words if the value needs them to be lossless."""
    _refuse_controls(name, value)
    words = value.split(" ")
    if not value.isascii() or "=?" in value or "" in words[:1] + words[-1:] or max(map(len, words)) > 900:
        return name, encoded_words(value)
    return name, re.findall(r"(?:^|(?<= )) *[^ ]+", value)


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
