"""Answers that a proxy has compressed although nobody asked. Each is read up to a limit: a small one may be huge."""

import zlib

_WINDOWS = {  # what zlib is to expect
    "gzip": (zlib.MAX_WBITS | 16,),
    "x-gzip": (zlib.MAX_WBITS | 16,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),  # RFC 9110, 8.4.1.2: some servers leave the frame out
}
_MOST_LAYERS = 3


class Unreadable(ValueError):
    """The answer is compressed in a way that GoMail does not read, or is broken; the message says which."""


def plain(content: bytes, coding: str, *, longest: int) -> bytes:
    """Return what a body of this Content-Encoding holds, cut at so many bytes; raise Unreadable."""
    names = [name.strip().lower() for name in coding.split(",")]
    layers = [name for name in reversed(names) if name not in {"", "identity"}]
    if len(layers) > _MOST_LAYERS:
        raise Unreadable(f"it is compressed {len(layers)} times")
    for name in layers if content else ():
        content = _expanded(content, name, longest)
    return content


def _expanded(content: bytes, name: str, longest: int) -> bytes:
    if name not in _WINDOWS:
        raise Unreadable(f"it is compressed with {name[:20]!a}, which GoMail did not ask for and cannot read")
    for window in _WINDOWS[name]:
        try:
            return zlib.decompressobj(window).decompress(content, longest)
        except zlib.error:
            continue
    raise Unreadable(f"it is said to be compressed with {name}, and is not, or it is broken")
