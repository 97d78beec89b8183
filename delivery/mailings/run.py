"""Takes mailings further, a step for each that needs one: called by a thread of each worker, all the time."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from django.db import transaction

from delivery.access import keys
from delivery.audience import results
from delivery.db.outages import AWAY
from delivery.mailings import check, claims, content, ending, rules, states
from delivery.mailings.content import NotReady
from delivery.mailings.sender import Sender
from delivery.models import Mailing
from delivery.queue import watermark

_LOOK: Final = 0.5  # seconds between two looks for further mailings
_WRITING: Final = 2.0  # seconds that a step may write: a template may take a second for each recipient
_SHARED: Final = 0.25  # the same while there are others
_RENEW: Final = 5.0  # seconds between two renewals of all claims
_FOLLOW: Final = 2.0  # seconds between two looks at what became of emails that were under way at a pause
_TICK: Final = 0.05  # between two looks at a check that another process makes
_PATIENCE: Final = 3.0  # seconds of a check that somebody waits for
_waited_for: set[int | None] = set()  # teams of which somebody waits for a check in this process
_lock = threading.Lock()
GoingOn = Callable[[], bool]
Step = Callable[[float], bool]  # writes for so many seconds; tells whether there is more to do at once
log = logging.getLogger(__name__)


class Runner:
    """The mailings that this process has, and looks for more of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._have: list[tuple[Mailing, Step]] = []
        self._look_at = 0.0
        self._renew_at = 0.0
        self._follow_at = 0.0

    def step(self, going_on: GoingOn) -> bool:
        """Take each mailing a step further; tell whether there is more to do at once."""
        watermark.be_sure()
        self._renew()
        self._look(going_on)
        self._follow_paused()
        more = [self._step(mailing, step) for mailing, step in list(self._have) if going_on()]
        return any(more)

    def finish(self) -> None:
        """Give them all back."""
        while self._have:
            claims.give_back(self._have.pop()[0])

    def _look(self, going_on: GoingOn) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK
        while going_on() and (mailing := claims.take()):
            self._have.append((mailing, _first(mailing)))

    def _follow_paused(self) -> None:
        if time.monotonic() < self._follow_at:
            return
        self._follow_at = time.monotonic() + _FOLLOW
        for mailing in claims.just_paused():
            results.follow_queued(mailing)

    def _renew(self) -> None:
        """Renew all claims: slow mailings do not cost the others theirs."""
        if len(self._have) > 1 and time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + _RENEW
            claims.keep([mailing for mailing, _ in self._have])

    def _step(self, mailing: Mailing, step: Step) -> bool:
        """Take one further; what it fails at holds up no other, and counts as the end of a process."""
        try:
            return step(_SHARED if len(self._have) > 1 else _WRITING)
        except claims.Lost:
            claims.give_back(mailing)
        except NotReady as why:
            _set_aside(mailing, str(why))
        except AWAY:
            raise
        except Exception:
            log.exception("Mailing %s could not be taken further; its claim ends with its lease", mailing.pk)
        self._have = [each for each in self._have if each[0] is not mailing]
        return False


def check_while_waited_for(mailing: Mailing) -> bool:
    """Make a short check at once; tell whether it is done. A long one, or a second of a team, is left to a worker.

    Whoever waits holds a thread of the web server: no team holds more than one in each process, nor for long.
    """
    if rules.members(mailing) > rules.SMALL:
        return False
    with _waiter(mailing.team_id) as is_only:
        return is_only and check_now(mailing, seconds=_PATIENCE)


@contextmanager
def _waiter(team: int | None) -> Iterator[bool]:
    """Tell whether nobody else of the team waits; nobody does meanwhile."""
    with _lock:
        is_only = team not in _waited_for
        _waited_for.add(team)
    try:
        yield is_only
    finally:
        if is_only:
            _waited_for.discard(team)


def check_now(mailing: Mailing, seconds: float = 20.0) -> bool:
    """Make the check that was asked for while somebody waits; tell whether it was done within this time."""
    until = time.monotonic() + seconds
    while mailing.check_asked_at is not None and time.monotonic() < until:
        if claimed := claims.take_check(mailing.pk):
            _check(claimed, until)
        else:
            time.sleep(_TICK)
        mailing.refresh_from_db()
    return mailing.check_asked_at is None


def _first(mailing: Mailing) -> Step:
    """Return what takes a mailing further that this process has just claimed."""
    if mailing.state == Mailing.State.DRAFT:
        return partial(check.step, mailing)
    if mailing.state == Mailing.State.CANCELLED:
        return lambda _: ending.step(mailing)
    sender: list[Sender] = []

    def send(seconds: float) -> bool:
        if not sender:
            _begin(mailing)
            sender.append(Sender(mailing))
        return sender[0].step(seconds)

    return send


def _begin(mailing: Mailing) -> None:
    _refuse_sender(mailing)
    if mailing.state == Mailing.State.SCHEDULED:
        with transaction.atomic():
            claims.hold(mailing)
            states.begin(mailing)


def _refuse_sender(mailing: Mailing) -> None:
    """Raise NotReady, which pauses it, if the key that started it may not send from its sender (any more)."""
    if not (mailing.key and mailing.group):
        return
    sender = content.sender(mailing, mailing.group)
    if not keys.may_send_from(mailing.key, sender):
        why = f"The key {mailing.key.public_id}, which started it, may not send from {sender.address}."
        raise NotReady("from_address", why)


def _check(claimed: Mailing, until: float) -> None:
    try:
        while time.monotonic() < until:
            check.step(claimed, _WRITING)
    except claims.Lost:
        pass
    except NotReady as why:
        _set_aside(claimed, str(why))
    claims.give_back(claimed)


def _set_aside(mailing: Mailing, why: str) -> None:
    with suppress(states.WrongState, claims.Lost), transaction.atomic():
        claims.hold(mailing)
        states.set_aside(mailing, why)
