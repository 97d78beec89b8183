"""Look-ups of names with a deadline, which the system's own have none of: each has a thread that may be left behind.

A name that is being looked up is not asked for once more, so a slow name server holds one thread for each name.
"""

import os
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

_MOST: Final = 64  # at the same time in one process
_Addresses = Sequence[str]
_Place = tuple[str, int]  # host and port


class Unresolved(Exception):
    """The host's name has no address now."""


class Lookups:
    """The look-ups under way in this process. Thread-safe."""

    def __init__(self, most: int = _MOST) -> None:
        """Look this many names up at the same time, and no more."""
        self._most = most
        self.begin_anew()

    def addresses(self, host: str, port: int, *, seconds: float) -> _Addresses:
        """Return the addresses of a host, those to be preferred first; raise `Unresolved`, after so long at most."""
        try:
            return self._under_way_for((host, port)).result(seconds)
        except TimeoutError:
            raise Unresolved(f"The name {host} could not be looked up within {seconds:g} s.") from None

    def begin_anew(self) -> None:
        """Start over in a process that was just forked: the threads are not in it."""
        self._lock, self._under_way = threading.Lock(), dict[_Place, Future[_Addresses]]()

    def _under_way_for(self, place: _Place) -> "Future[_Addresses]":
        with self._lock:
            return self._under_way.get(place) or self._begin(place)

    def _begin(self, place: _Place) -> "Future[_Addresses]":
        if len(self._under_way) >= self._most:
            raise Unresolved("Too many names are being looked up now.")
        asked: Future[_Addresses] = Future()
        try:
            # A daemon: one that hangs does not keep the process from ending.
            threading.Thread(
                target=self._ask, args=(place, asked), name="webhook-lookup", daemon=True
            ).start()
        except RuntimeError as error:  # this machine has no thread left
            raise Unresolved(f"The name {place[0]} could not be looked up: {error}") from error
        self._under_way[place] = asked
        return asked

    def _ask(self, place: _Place, asked: "Future[_Addresses]") -> None:
        try:
            found, problem = _resolved(*place), None
        except Unresolved as error:
            found, problem = (), error
        finally:
            self._end(place)
        if problem:
            asked.set_exception(problem)
        else:
            asked.set_result(found)

    def _end(self, place: _Place) -> None:
        with self._lock:
            self._under_way.pop(place, None)


def _resolved(host: str, port: int) -> _Addresses:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved(f"The name {host} has no address now: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


_lookups = Lookups()
addresses = _lookups.addresses
os.register_at_fork(after_in_child=_lookups.begin_anew)
