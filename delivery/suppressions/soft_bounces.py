"""Soft bounces: one alone suppresses nobody, several days of them do."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from delivery.models import SoftBounce

DAYS: Final = 3  # on so many days
WINDOW: Final = timedelta(days=30)  # within so long


def count(team_id: int | None, address: str, at: datetime) -> bool:
    """Count a final soft bounce in the caller's transaction; tell whether it was one too many, which begins anew."""
    day = at.astimezone(UTC).date()
    SoftBounce.objects.bulk_create(
        [SoftBounce(team_id=team_id, address=address, day=day)], ignore_conflicts=True
    )
    near = SoftBounce.objects.filter(
        team=team_id, address=address, day__gt=day - WINDOW, day__lt=day + WINDOW
    )
    if not _are_too_many(sorted(near.values_list("day", flat=True))):
        return False
    near.delete()
    return True


def outdated(today: date) -> QuerySet[SoftBounce]:
    """Return what no bounce of today can be counted with."""
    return SoftBounce.objects.filter(day__lte=today - WINDOW)


def _are_too_many(days: list[date]) -> bool:
    """Tell whether any of the days, in order, lie close enough together; events come late and in any order."""
    return any(last - first < WINDOW for first, last in zip(days, days[DAYS - 1 :], strict=False))
