"""Sends one mailing that this process has claimed, a step at a time: follows its emails, and makes the next ones."""

import time
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from delivery.access import limits, terms
from delivery.access.limits import Over
from delivery.audience import results
from delivery.db import clock
from delivery.mailings import claims, content, guard, pace, slices, states
from delivery.mailings.choosing import Choice
from delivery.mailings.pace import Pace
from delivery.models import Email, Mailing, MailingRecipient

_RENEW: Final = 5.0  # seconds between two notes of the claim and the pace, while nothing is made
_JUDGE: Final = 2.0  # seconds between two looks at what came back
_LATE: Final = 5.0  # seconds between two looks at what failed where this process did not see it
_OVERLAP: Final = timedelta(seconds=10)  # of two looks: such an end is written before it is committed
_FEW: Final = 4  # of the room for emails: less than a quarter is not worth a slice
_MINUTE: Final = 60.0
_FULL: Final = "Waits for the limits of its team or key."


class Sender:
    """One mailing in the hands of this process. Each step raises claims.Lost if it is not any more."""

    def __init__(self, mailing: Mailing) -> None:
        self.mailing = mailing
        self._writer = content.writer(mailing)
        self._choice = Choice(mailing)
        self._moved: deque[tuple[float, int]] = deque()  # when how many emails came to an end
        self._learn_at = 0.0  # of what failed where this process did not see it
        self._learnt_until: datetime | None = None
        self._judge_at = 0.0
        self._full_until = 0.0  # a limit refused what was written: it is not written again before
        self._noted_at = time.monotonic()

    def step(self, seconds: float) -> bool:
        """Do what is to be done now, writing for so long; tell whether there may be more at once."""
        self._look()
        self._follow()
        made = self._make(self._room(), seconds)
        if not made and self._is_over():
            self._finish()
        elif not made and time.monotonic() - self._noted_at > _RENEW:
            self._note()
        return made >= slices.MOST

    def _look(self) -> None:
        """Read anew what decides who may send."""
        if not claims.is_ours(self.mailing):
            raise claims.Lost
        fresh = claims.read(self.mailing.pk)
        self.mailing.team, self.mailing.key, self.mailing.group = fresh.team, fresh.key, fresh.group
        if fresh.group is None:
            raise content.NotReady("group", "The group of the mailing has been deleted.")
        if fresh.key and fresh.key.cancels_waiting:
            self._cancel()
        if time.monotonic() >= self._judge_at:
            self._judge_at = time.monotonic() + _JUDGE
            guard.judge(self.mailing, marketing=self._writer.mail.purpose == Email.Purpose.MARKETING)

    def _cancel(self) -> None:
        """End a mailing whose key was revoked together with all that waits of it."""
        with transaction.atomic():
            claims.hold(self.mailing)
            states.cancel(self.mailing)
        raise claims.Lost

    def _room(self) -> int:
        """Return how many emails may be made now."""
        if any(holder and holder.paused_at for holder in (self.mailing.team, self.mailing.key)):
            return 0
        most = pace.most_queued(self.mailing)
        room = most - self._queued()
        return min(slices.MOST, room) if room >= min(slices.MOST, most // _FEW) else 0

    def _make(self, room: int, seconds: float) -> int:
        """Make the next emails; return of how many recipients something has become."""
        turns = Pace(self.mailing, clock.now())
        room = min(room, turns.room())
        if room <= 0 or time.monotonic() < self._full_until:
            return 0
        fits = limits.room(terms.accounts(self.mailing.team, self.mailing.key))
        if fits == 0:
            self._wait(_FULL)
            return 0
        rows = self._choice.next(turns, room if fits is None else min(room, fits))
        found = slices.write(self.mailing, self._writer, rows, turns, seconds)
        try:
            slices.store(self.mailing, found, {**turns.changes(), "reason": ""})
        except Over as over:
            self._full_until = time.monotonic() + min(over.seconds or _MINUTE, _MINUTE)
            self._wait(str(over))
            return 0
        self._noted_at = time.monotonic()
        self._choice.done(found.seen, found.passed)
        return len(found.made) + len(found.ended)

    def _wait(self, why: str) -> None:
        """Say why nothing is made."""
        if self.mailing.reason != why:
            with transaction.atomic():
                claims.hold(self.mailing)
                claims.advance(self.mailing, reason=why)

    def _follow(self) -> None:
        self._catch_up()
        moved, now = results.follow_queued(self.mailing), time.monotonic()
        if moved:
            self._moved.append((now, len(moved)))
        failed = [email for email, state in moved.items() if state == MailingRecipient.State.FAILED]
        if failed:
            guard.learn(self.mailing, failed)
        while self._moved and self._moved[0][0] < now - _MINUTE:
            self._moved.popleft()

    def _catch_up(self) -> None:
        """Look at what failed and nobody has looked at: before this process had the mailing, or by a late answer."""
        if time.monotonic() < self._learn_at:
            return
        since, begun = self._learnt_until, clock.now()
        if failed := guard.lately_failed(self.mailing, since):
            guard.learn(self.mailing, failed)
        self._learn_at, self._learnt_until = time.monotonic() + _LATE, begun - _OVERLAP

    def _pace(self) -> float:
        """Return how many emails a second came to an end in the last minute."""
        if not self._moved:
            return 0.0
        seconds = max(1.0, time.monotonic() - self._moved[0][0])
        return sum(number for _, number in self._moved) / seconds

    def _note(self) -> None:
        self._noted_at = time.monotonic()
        claims.renew(self.mailing, pace=self._pace())

    def _queued(self) -> int:
        rows = MailingRecipient.objects.order_by().filter(mailing=self.mailing)
        return rows.filter(state=MailingRecipient.State.QUEUED).count()

    def _is_over(self) -> bool:
        """Tell whether nobody waits any more, and no email."""
        return not self._queued() and not self._choice.anybody_waits()

    def _finish(self) -> None:
        with transaction.atomic():
            claims.hold(self.mailing)
            if not self._queued() and not self._choice.anybody_waits():
                states.finish(self.mailing)
        raise claims.Lost
