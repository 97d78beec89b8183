"""The audit, read: an entry as the API and the export show it."""

import json
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from delivery.models import AuditEntry

MOST: Final = 100_000  # lines of one export, which the server holds in memory
_AT_ONCE: Final = 2000  # rows read from the database, and written in one piece


def shape(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as JSON."""
    return {
        "id": str(entry.pk),
        "at": entry.at.isoformat().replace("+00:00", "Z"),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "address": entry.address or None,
        "action": entry.action,
        "object": {"kind": entry.object_kind, "id": entry.object_id},
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id or None,
    }


def exported(rows: QuerySet[AuditEntry], *, with_team: bool = False) -> StreamingHttpResponse:
    """Return the newest of these entries as a file of JSON lines."""
    response = StreamingHttpResponse(
        _lines(rows, with_team=with_team), content_type="application/x-ndjson; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _lines(rows: QuerySet[AuditEntry], *, with_team: bool) -> Iterator[str]:
    """Yield the file in pieces."""
    some: list[str] = []
    for entry in rows.order_by("-id")[:MOST].iterator(chunk_size=_AT_ONCE):
        more = {"team": entry.team_id} if with_team else {}
        some.append(json.dumps({**shape(entry), **more}, ensure_ascii=False) + "\n")
        if len(some) >= _AT_ONCE:
            yield "".join(some)
            some.clear()
    yield "".join(some)
