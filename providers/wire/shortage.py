"""Shortage: this machine lacks what it takes to ask anybody, be it files, memory or ports. No provider is to blame.

Some of what is called says so by its errno, however deep a library wraps it. Some hides it: without a free file the
resolver knows no host, OpenSSL trusts no certificate, and botocore finds no keys. Then the machine itself is asked.
"""

import errno
import os
import socket
import ssl
import time
from collections.abc import Iterator

_OF_ALL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})  # whoever is asked
_KINDS = _OF_ALL | {errno.EADDRNOTAVAIL}  # of ports for one address
_OF_OPENING = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})  # said by nothing that sends
_HIDING = (socket.gaierror, ssl.SSLCertVerificationError)
# What the resolver says where it cannot open its files, by what it has read before; connecting says EINVAL, too.
_OF_RESOLVER = frozenset({errno.EBUSY, errno.EINVAL})
_OTHER_NUMBERS = (socket.gaierror, socket.herror, ssl.SSLError)  # their errno is none of the system's
_SPARE = 8  # files; other threads may have closed some since the error
_LATELY = 1.0  # seconds
_DEEPEST = 50  # errors of one chain


class _Memory:
    """When this process was last short of something."""

    noticed_at = float("-inf")


def explains(error: BaseException) -> bool:
    """Tell whether the error comes of a shortage of this machine, as far as that can be known."""
    found = list(_wrapped(error))
    if any(_is_one(one) for one in found):
        if any(_is_one(one, _OF_ALL) for one in found):
            _Memory.noticed_at = time.monotonic()
        return True
    return any(_may_hide_one(one) for one in found) and is_here()


def is_of_opening(error: BaseException) -> bool:
    """Tell whether it is an error that only opening a file or a connection has: nothing was sent over that one."""
    return any(_is_one(one, _OF_OPENING) for one in _wrapped(error))


def is_here() -> bool:
    """Ask the machine: there are hardly any files left to open, or there were none a moment ago."""
    return was_lately() or not _has_spare_files()


def was_lately() -> bool:
    """Tell whether a shortage that would stop every attempt was met within the last second."""
    return time.monotonic() - _Memory.noticed_at < _LATELY


def forget() -> None:
    """Forget the last shortage."""
    _Memory.noticed_at = float("-inf")


def _has_spare_files() -> bool:
    opened: list[int] = []
    try:
        for _ in range(_SPARE):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if not _is_one(error):
            raise
        _Memory.noticed_at = time.monotonic()
        return False
    else:
        return True
    finally:
        for handle in opened:
            os.close(handle)


def _may_hide_one(error: BaseException) -> bool:
    """Tell whether it is an error of looking up a name or trusting a certificate."""
    return isinstance(error, _HIDING) or (isinstance(error, OSError) and error.errno in _OF_RESOLVER)


def _is_one(error: BaseException, kinds: frozenset[int] = _KINDS) -> bool:
    if isinstance(error, MemoryError):
        return errno.ENOMEM in kinds
    return isinstance(error, OSError) and not isinstance(error, _OTHER_NUMBERS) and error.errno in kinds


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those that it names as its causes; never the context, which may be another provider's."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _DEEPEST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        named = getattr(one, "kwargs", None)  # botocore's
        inside = named.values() if isinstance(named, dict) else ()
        causes = (one.__cause__, getattr(one, "reason", None), *one.args, *inside)
        waiting.extend(cause for cause in causes if isinstance(cause, BaseException))
