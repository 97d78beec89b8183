"""The times in which a provider's circuit was open, and who tried the provider meanwhile.

A period begins with a change to `open` and ends with the next one to `open`, `closed` or `out`. An attempt is
- in flight, if it began before the circuit opened: no probe, and not counted here;
- late, if the email came in before every process could know (LAG) and was then held up, as a rule by the wait for
  the database's write lock: its way had been chosen before;
- a try otherwise. Of these a period may have one, and it must be the one that a change to `probing` announced.
A circuit that opens again after a bad probe was known to be open, so there nobody may be late.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.faults.record import Change, Record

# Seconds in which every process gets to know of an open circuit: a reading may be used for two while another thread
# reads anew (routing.circuit_cache), and a change's moment is before its commit, which waits for a slow disk and, on
# SQLite, for the others' writes: 4.3 in all were seen where the circuit's opening itself took 5.
LAG = 6.0
LATEST = 10.0  # seconds after which nobody is late any more
LEASE = 60.0  # seconds after which a probe counts as lost, and another one may be made
_INFINITE = float("inf")


@dataclass(frozen=True, kw_only=True)
class Period:
    """One time in which a circuit was open."""

    opened: float
    ended: float
    from_closed: bool
    announced: int  # changes to `probing`, without those that replaced a lost probe


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Who tried the provider in one period."""

    period: Period
    late: list[float]  # seconds after the circuit had opened
    tries: list[float]

    @property
    def probes(self) -> int:
        """The probes of the period, by the changes or by the attempts, whichever are more."""
        return max(self.period.announced, len(self.tries))

    @property
    def unannounced(self) -> list[float]:
        """The tries of a period in which there are more of them than changes to `probing` allowed."""
        return self.tries if len(self.tries) > self.period.announced else []


def of(changes: Iterable[Change], provider: str) -> list[Period]:
    """Return the provider's open periods in order."""
    mine = [change for change in changes if change.provider == provider]
    found, before = [], "closed"
    for number, change in enumerate(mine):
        if change.state == "open":
            found.append(_period(mine[number:], from_closed=before == "closed"))
        before = change.state
    return found


def tried(period: Period, record: Record, provider: str) -> Tried:
    """Sort the attempts that began while the circuit was open."""
    chosen = _chosen(record)
    inside = [
        attempt
        for attempt in record.attempts
        if attempt.provider == provider and period.opened < attempt.started_at <= period.ended
    ]
    late, tries = [], []
    for attempt in inside:
        after = attempt.started_at - period.opened
        is_late = period.from_closed and after <= LATEST and chosen[attempt.id] <= period.opened + LAG
        (late if is_late else tries).append(after)
    return Tried(period=period, late=late, tries=tries)


def _chosen(record: Record) -> Mapping[str, float]:
    """Return when the way of each attempt was chosen: of an email's first when it came in, of others just before."""
    moments: dict[str, float] = {}
    seen: set[str] = set()
    for attempt in record.attempts:
        first = attempt.email_id not in seen
        moments[attempt.id] = record.emails[attempt.email_id].created_at if first else attempt.started_at
        seen.add(attempt.email_id)
    return moments


def _period(changes: list[Change], *, from_closed: bool) -> Period:
    opened, announced, ended, last = changes[0].at, 0, _INFINITE, -_INFINITE
    for change in changes[1:]:
        if change.state != "probing":
            ended = change.at
            break
        announced += change.at - last < LEASE or not announced
        last = change.at
    return Period(opened=opened, ended=ended, from_closed=from_closed, announced=announced)
