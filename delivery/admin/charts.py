"""The charts of the dashboard, for the theme's component; each has its numbers as a table, too."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from delivery.models import Email
from delivery.monitoring.history import Axis, Counts, Latency

# Of each theme's colours one that is told from its neighbours on white and on black.
_STATUSES: Final = {
    "sent": "#0d9488",
    "partial": "#d97706",
    "scheduled": "#64748b",
    "queued": "#3b82f6",
    "sending": "#8b5cf6",
    "unknown": "#eab308",
    "failed": "#dc2626",
    "expired": "#9f1239",
    "cancelled": "#94a3b8",
    "quarantined": "#581c87",
}
_OTHERS: Final = ("#0d9488", "#3b82f6", "#d97706", "#8b5cf6", "#dc2626", "#64748b", "#eab308")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart, and the same as a table."""

    title: str
    type: str  # bar or line
    data: str  # as JSON
    options: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    is_empty: bool


def of_statuses(over: Axis, counts: Counts) -> Chart:
    """Return the bars of what became of the mail."""
    named = {str(Email.Status(name).label): (numbers, _STATUSES[name]) for name, numbers in counts.items()}
    return _stacked("Accepted emails, by what became of them", over, named)


def of_providers(over: Axis, counts: Counts) -> Chart:
    """Return the bars of who took it."""
    named = {name: (counts[name], _OTHERS[place % len(_OTHERS)]) for place, name in enumerate(counts)}
    return _stacked("Emails, by the provider that took them", over, named)


def of_latencies(over: Axis, latencies: Sequence[Latency]) -> Chart:
    """Return the lines of the latency."""
    lines = {"median": [each.p50 for each in latencies], "95 of 100 within": [each.p95 for each in latencies]}
    sets = [
        {"label": name, "data": values, "borderColor": colour, "backgroundColor": colour, "spanGaps": True}
        for (name, values), colour in zip(lines.items(), ("#0d9488", "#d97706"), strict=True)
    ]
    return _chart("Seconds until a provider took them", "line", over, sets, lines)


def _stacked(title: str, over: Axis, named: Mapping[str, tuple[list[int], str]]) -> Chart:
    used = {name: (numbers, colour) for name, (numbers, colour) in named.items() if any(numbers)}
    sets = [
        {"label": name, "data": numbers, "backgroundColor": colour}
        for name, (numbers, colour) in used.items()
    ]
    return _chart(title, "bar", over, sets, {name: numbers for name, (numbers, _) in used.items()})


def _chart(
    title: str, kind: str, over: Axis, sets: list[dict[str, Any]], lines: Mapping[str, Sequence[float | None]]
) -> Chart:
    labels = _labels(over)
    return Chart(
        title=title,
        type=kind,
        data=json.dumps({"labels": labels, "datasets": sets}),
        options=json.dumps(_options(stacked=kind == "bar")),
        columns=list(lines),
        rows=[
            (label, [_shown(numbers[place]) for numbers in lines.values()])
            for place, label in enumerate(labels)
        ],
        is_empty=not any(any(numbers) for numbers in lines.values()),
    )


def _shown(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"


def _labels(over: Axis) -> list[str]:
    pattern = (
        "%d %b"
        if over.step >= timedelta(days=1)
        else "%d %b %H:%M"
        if over.step * over.bars > timedelta(days=1)
        else "%H:%M"
    )
    return [f"{timezone.localtime(edge):{pattern}}" for edge in over.edges()[:-1]]


def _options(*, stacked: bool) -> dict[str, Any]:
    ticks = {"color": "#808a99", "maxRotation": 0, "autoSkip": True, "maxTicksLimit": 8}
    axis = {"stacked": stacked, "grid": {"color": "#88888833", "tickWidth": 0}, "ticks": ticks}
    upward: dict[str, Any] = {**axis, "beginAtZero": True}
    if stacked:  # bars count emails: none is half of one
        upward["ticks"] = {**ticks, "precision": 0}
    return {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {
            "legend": {"position": "bottom", "labels": {"color": "#808a99", "boxWidth": 10, "boxHeight": 10}}
        },
        "scales": {"x": {**axis, "grid": {"display": False}}, "y": upward},
        "elements": {"point": {"radius": 2}, "line": {"borderWidth": 2}},
    }
