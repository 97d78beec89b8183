"""The charsets that a form's text may come in, and what is said about others."""

import codecs

from api.forms.stream import BrokenForm

UTF_8 = "utf-8"
# By Python's names. The web reads ISO-8859-1 as windows-1252 (WHATWG Encoding, 4.2); its writers mean that.
_READ = {"utf-8": "utf-8", "ascii": "ascii", "iso8859-1": "cp1252", "cp1252": "cp1252"}
# Those in which file names still come, although RFC 8187 knows UTF-8 alone.
_OF_NAMES = ("utf-8", "ascii", "koi8-r", "koi8-u", "gbk", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr")


def decoded(content: bytes, charset: str, what: str) -> str:
    """Return the text; raise BrokenForm naming what it is and its charset if it cannot be read."""
    name = _READ.get(_canonical(charset))
    if name is None:
        raise BrokenForm(
            f"{what} comes in the charset {charset[:40]!a}; UTF-8, US-ASCII, ISO-8859-1 and windows-1252 are read. "
            "Send it in UTF-8"
        )
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        said = charset[:40].upper()
        raise BrokenForm(
            f"{what} is not {said}: {error.reason} at byte {error.start}. Send it in UTF-8"
        ) from error


def is_for_names(charset: str) -> bool:
    """Tell whether a file name may come in this charset."""
    name = _canonical(charset)
    return name in _OF_NAMES or name.startswith(("iso8859-", "cp125"))


def _canonical(charset: str) -> str:
    try:
        return codecs.lookup(charset).name
    except (LookupError, ValueError):  # ValueError: it holds NUL
        return ""
