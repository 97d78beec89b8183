"""How far an erasure reaches: a team's touches its own rows alone, the operator's all."""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet

from delivery.models import Erasure, Team

_DEEPEST = 3  # foreign keys to a row that says whose it is


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whose rows are touched."""

    team_id: int | None = None  # None: those of nobody, sent without a key
    everywhere: bool = False

    def keep(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows that are within reach."""
        if self.everywhere:
            return rows
        path = _path(rows.model, _DEEPEST)
        return rows.filter(**{path: self.team_id}) if path else rows.none()

    def query(self) -> Q:
        """Return the same for a table with a team of its own."""
        return Q() if self.everywhere else Q(team=self.team_id)


EVERYWHERE = Reach(everywhere=True)


def of_team(team: Team | None) -> Reach:
    """Return the reach of a team, or of who sends without a key."""
    return Reach(team_id=team.pk if team else None)


def of(erasure: Erasure) -> Reach:
    """Return that of an erasure."""
    return Reach(team_id=erasure.team_id, everywhere=erasure.everywhere)


def _path(model: type[models.Model], deepest: int) -> str:
    """Return by which fields a row leads to its team; empty: it belongs to no team."""
    keys = [field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    for field in keys:
        if field.related_model is Team:
            return field.name
    for field in keys if deepest else []:
        if isinstance(field.related_model, type) and (path := _path(field.related_model, deepest - 1)):
            return f"{field.name}__{path}"
    return ""
