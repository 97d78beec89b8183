"""What vendors told of a team's mail in the last 24 hours: one row an hour, which events add to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet, Sum

from delivery.db import clock, ids
from delivery.db.clock import IN_NANOSECONDS
from delivery.models import Email, MailHour, Recipient

ENOUGH: Final = 500  # recipients; of fewer nothing is said
WARN: Final = {"bounced": 0.05, "complained": 0.001}  # parts of them
TWICE: Final = 2  # as many stop marketing mail
_HOURS: Final = 24
_AN_HOUR: Final = 3600 * 1_000_000_000  # nanoseconds
COLUMNS: Final = ("accepted", "delivered", "bounced", "complained")
Counts = Mapping[str, int]  # by column


@dataclass(frozen=True, kw_only=True)
class Reputation:
    """A team's mail of the last 24 hours, as far as vendors have told."""

    recipients: int
    bounced: int  # for good
    complained: int

    @property
    def bounce_rate(self) -> float:
        """Return the part that bounced."""
        return self.bounced / self.recipients if self.recipients else 0.0

    @property
    def complaint_rate(self) -> float:
        """Return the part that complained."""
        return self.complained / self.recipients if self.recipients else 0.0

    @property
    def is_poor(self) -> bool:
        """Tell whether people are to be warned."""
        return self.recipients >= ENOUGH and self.exceeds(1)

    @property
    def is_ruinous(self) -> bool:
        """Tell whether marketing mail has to stop."""
        return self.recipients >= ENOUGH and self.exceeds(TWICE)

    def exceeds(self, times: int) -> bool:
        """Tell whether a rate is so many times that of a warning, or more."""
        return (
            self.bounce_rate >= times * WARN["bounced"] or self.complaint_rate >= times * WARN["complained"]
        )


def add(counts: Mapping[int, Counts]) -> None:
    """Add to the present hour of each team, in the caller's transaction; all lock in one order."""
    table = connection.ops.quote_name(MailHour._meta.db_table)
    hour = f"{IN_NANOSECONDS[connection.vendor]} / {_AN_HOUR}"
    rows = ", ".join([f"(%s, {hour}, %s, %s, %s, %s)"] * len(counts))
    sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COLUMNS)
    statement = (
        f"INSERT INTO {table} (team_id, hour, {', '.join(COLUMNS)}) VALUES {rows} "  # noqa: S608 - ours
        f"ON CONFLICT (team_id, hour) DO UPDATE SET {sums}"
    )
    values = [value for team in sorted(counts) for value in (team, *_row(counts[team]))]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def of(team: int) -> Reputation:
    """Return a team's reputation."""
    return _judged(team, _sums(team))


def poor() -> dict[int, Reputation]:
    """Return those of the teams of which people are to be warned."""
    teams: Any = MailHour.objects.filter(hour__gt=_oldest()).values("team").annotate(**_SUMS).order_by("team")
    found = {row["team"]: _judged(row["team"], row) for row in teams}
    return {team: reputation for team, reputation in found.items() if reputation.is_poor}


def enough(found: Reputation) -> int:
    """Return how many recipients make so many bounces and complaints harmless: nobody need count further."""
    return int(max(found.bounced / WARN["bounced"], found.complained / WARN["complained"]) + 1)


def forget(team: int) -> None:
    """Count anew from now on."""
    MailHour.objects.filter(team=team).delete()


def outdated() -> QuerySet[MailHour]:
    """Return the hours that count no more."""
    return MailHour.objects.filter(hour__lte=_oldest())


def _judged(team: int, sums: Counts) -> Reputation:
    """Return the reputation by what events say; where that looks bad, what was sent is counted.

    A vendor may tell of bounces alone.
    """
    told = max(sums["accepted"], sums["delivered"] + sums["bounced"])
    found = Reputation(recipients=told, bounced=sums["bounced"], complained=sums["complained"])
    if not found.exceeds(1):
        return found
    return Reputation(
        recipients=max(told, _sent(team, found)), bounced=found.bounced, complained=found.complained
    )


def _sent(team: int, found: Reputation) -> int:
    """Count the recipients of a day, as far as it matters: beyond that the team's reputation is good."""
    day = Recipient.objects.order_by().filter(
        email__team=team,
        email__id__gte=ids.floor(clock.now() - timedelta(hours=_HOURS)),
        email__status__in=(Email.Status.SENT, Email.Status.PARTIAL),
    )
    return day.values("pk")[: enough(found)].count()


def _sums(team: int) -> Counts:
    found = MailHour.objects.filter(team=team, hour__gt=_oldest()).aggregate(**_SUMS)
    return {name: found[name] or 0 for name in COLUMNS}


def _oldest() -> int:
    return clock.nanoseconds() // _AN_HOUR - _HOURS


def _row(counts: Counts) -> list[int]:
    return [counts.get(name, 0) for name in COLUMNS]


_SUMS: Final = {name: Sum(name) for name in COLUMNS}
