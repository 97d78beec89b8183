"""How often a password or a code may be tried, whatever page asks for it: it is limited before it is checked."""

from collections.abc import Iterator
from contextlib import contextmanager

from delivery.access import seats, tries
from delivery.access.tries import Limit, TooManyTries

_LOCK = 15 * 60
BY_USER = Limit(kind="password of a user, from an address", most=10, seconds=_LOCK)
BY_ADDRESS = Limit(kind="passwords from an address", most=50, seconds=_LOCK)
CODES = Limit(kind="codes of a user", most=5, seconds=_LOCK)  # six digits, of which three are right at a time
ONCE = Limit(kind="a code that was used", most=1, seconds=90)  # for as long as it would be right
TOKENS = Limit(kind="links of invitations that are none, from an address", most=30, seconds=_LOCK)
LINKS_TO = Limit(kind="links to an address of mail", most=3, seconds=60 * 60)
LINKS_FROM = Limit(kind="links for an address", most=10, seconds=60 * 60)


@contextmanager
def checked(address: str, user: str) -> Iterator[list[bool]]:
    """Let one password be checked; append True to what is given if it was right. Raises TooManyTries instead."""
    client = tries.network(address)
    tries.refuse(BY_ADDRESS, client)
    tries.refuse(BY_USER, client, user)
    with seats.taken():
        counted = [tries.take(BY_USER, client, user)]
        try:
            counted.append(tries.take(BY_ADDRESS, client))
        except TooManyTries:
            counted[0].give_back()
            raise
        right: list[bool] = []
        yield right
    if right:
        counted[1].give_back()
        tries.forget(BY_USER, client, user)


@contextmanager
def guessed(user: str) -> Iterator[list[bool]]:
    """Do the same for a code of a user who has proved a password, or is logged in."""
    counted = tries.take(CODES, user)
    right: list[bool] = []
    yield right
    if right:
        counted.give_back()


def use_once(user: str, code: str) -> bool:
    """Tell whether this code of a user was not used before; from now on it is."""
    try:
        tries.take(ONCE, user, code)
    except TooManyTries:
        return False
    return True


def allow_link(address: str, recipient: str) -> None:
    """Count a link that somebody at this address wants sent to a recipient; raise TooManyTries instead."""
    counted = tries.take(LINKS_FROM, tries.network(address))
    try:
        tries.take(LINKS_TO, recipient)
    except TooManyTries:
        counted.give_back()
        raise
