"""How often a password may be tried. A check costs half a second of a processor: it is limited before it is made.

Two limits. Of one client's wrong passwords, by address and user and by address alone: the processes of a server share
what they have counted, in memory that they inherit from the one that starts them. And of checks at the same time, in
each process: one, and one that waits for it.
"""

import mmap
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

_PLACES = 1 << 14  # whoever falls into the place of another shares its limit
_ROOM = struct.Struct("d")
_WAIT_SECONDS = 2.0  # for the check before
_KEY = secrets.token_bytes(16)  # of this server's processes: who falls together cannot be chosen


class TooManyLogins(Exception):
    """No password is checked now; `seconds` says when to try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Too many logins; try again in {seconds:.0f} seconds.")
        self.seconds = seconds


class Allowance:
    """So many wrong passwords at once, and one more every so many seconds, for whatever has this name."""

    def __init__(self, *, burst: int, every: float) -> None:
        """Begin with nothing counted."""
        self._patience = (burst - 1) * every
        self._every = every
        self._due = mmap.mmap(
            -1, _PLACES * _ROOM.size
        )  # when what was counted is forgotten; shared after a fork

    def refuse(self, name: str) -> float:
        """Return after how many seconds one more may be tried; 0: now."""
        return max(0.0, self._read(_place(name)) - time.monotonic() - self._patience)

    def count(self, name: str, number: int = 1) -> None:
        """Count one; -1 takes it back."""
        place = _place(name)
        due = max(self._read(place), time.monotonic()) + number * self._every
        _ROOM.pack_into(self._due, place, due)

    def forget(self) -> None:
        """Count from nothing; for tests."""
        self._due[:] = bytes(len(self._due))

    def _read(self, place: int) -> float:
        return float(_ROOM.unpack_from(self._due, place)[0])


by_user = Allowance(burst=5, every=12.0)  # of an address, at one name: five a minute
by_address = Allowance(burst=20, every=6.0)  # at any names: those of an office may share an address
_seats = threading.BoundedSemaphore(2)  # one for the check that is made, one for the next
_checking = threading.Lock()


@contextmanager
def checked(address: str, user: str) -> Iterator[list[bool]]:
    """Let one password be checked; append True to what is given if it was right. Raises TooManyLogins instead."""
    names = ((by_user, f"{address} {user}"), (by_address, address))
    _refuse_if_spent(names)
    with _seat():
        _refuse_if_spent(names)  # the check before may have been its last
        for allowance, name in names:  # before the check: a hundred at once are a hundred
            allowance.count(name)
        right: list[bool] = []
        yield right
        if right:
            for allowance, name in names:
                allowance.count(name, -1)


def _refuse_if_spent(names: tuple[tuple[Allowance, str], ...]) -> None:
    seconds = max(allowance.refuse(name) for allowance, name in names)
    if seconds > 0:
        raise TooManyLogins(seconds)


@contextmanager
def _seat() -> Iterator[None]:
    if not _seats.acquire(blocking=False):
        raise TooManyLogins(1.0)
    try:
        if not _checking.acquire(timeout=_WAIT_SECONDS):
            raise TooManyLogins(_WAIT_SECONDS)
        try:
            yield
        finally:
            _checking.release()
    finally:
        _seats.release()


def _place(name: str) -> int:
    digest = blake2b(name.casefold().encode(errors="surrogatepass"), digest_size=8, key=_KEY).digest()
    return int.from_bytes(digest) % _PLACES * _ROOM.size
