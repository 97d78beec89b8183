"""Mailgun's lists of one domain: bounces, complaints, unsubscribes. They cannot be asked for what is new.

Paths and shapes: https://github.com/mailgun/mailgun-mcp-server, src/openapi.yaml, /v3/{domain}/bounces and so on.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from providers.configuration import Entry
from providers.mailgun import configure, errors
from providers.suppressions import LONGEST_PAGE, Cause, Listed, moment, text
from providers.wire.calls import Calls, NotFound

_AT_ONCE = 1000  # the most that a page holds, and a request that adds
_KEY = "an account key (Admin or Developer); a domain's sending key may only send"
_EVERYTHING = "*"  # the tag of an unsubscription from all
_LISTS = {
    "bounces": Cause.HARD_BOUNCE,
    "complaints": Cause.COMPLAINT,
    "unsubscribes": Cause.UNSUBSCRIBE,
}
_INTO = {Cause.COMPLAINT: "complaints", Cause.UNSUBSCRIBE: "unsubscribes"}  # the others: bounces


class Lists:
    """The lists of one domain."""

    def __init__(self, entry: Entry) -> None:
        """Take the domain's configuration; raise NotConfigured if it lacks a key or a domain."""
        config = configure.config(entry)
        self._path = f"/v3/{quote(config.domain, safe='')}"
        self._endpoint = config.endpoint(longest=LONGEST_PAGE)
        self._calls = Calls(
            name=entry.name,
            vendor="Mailgun",
            endpoint=self._endpoint,
            words=errors.message,
            hide=config.secrets,
        )

    def read(self, since: datetime | None) -> Iterator[Sequence[Listed]]:
        """Yield the pages of each list, all of them."""
        for name, cause in _LISTS.items():
            yield from self._pages(f"{self._path}/{name}?limit={_AT_ONCE}", cause)

    def add(self, several: Sequence[Listed]) -> None:
        """Put each on the list of its cause; what is neither complaint nor unsubscription is a bounce."""
        for name in _LISTS:
            rows = [_row(entry) for entry in several if _INTO.get(entry.cause, "bounces") == name]
            for start in range(0, len(rows), _AT_ONCE):
                path = f"{self._path}/{name}"
                self._calls.send_json("POST", path, rows[start : start + _AT_ONCE], right=_KEY)

    def remove(self, address: str) -> None:
        """Take an address off all three lists."""
        for name in _LISTS:
            try:
                path = f"{self._path}/{name}/{quote(address, safe='')}"
                self._calls.delete(path, right=_KEY)
            except NotFound:
                continue

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _pages(self, path: str, cause: Cause) -> Iterator[Sequence[Listed]]:
        """Yield the pages; the next one's address is in the answer, and only its path is believed."""
        seen: set[str] = set()
        while path and path not in seen:
            seen.add(path)
            told = self._calls.get(path, right=_KEY)
            items = told.get("items") if isinstance(told, dict) else None
            rows = [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []
            if not rows:
                return
            yield [entry for row in rows for entry in _listed(row, cause)]
            path = _next(told)


def _next(told: dict[str, Any]) -> str:
    parts = urlsplit(text(told.get("paging"), "next"))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _listed(row: dict[str, Any], cause: Cause) -> Iterator[Listed]:
    said = " ".join(part for part in (text(row, "code"), text(row, "error")) if part)
    for tag in _tags(row) if cause is Cause.UNSUBSCRIBE else [""]:
        yield Listed(
            address=text(row, "address"),
            cause=cause,
            list_name=tag,
            reason=said,
            at=moment(row.get("created_at")),
        )


def _tags(row: dict[str, Any]) -> list[str]:
    tags = row.get("tags")
    named = [str(tag) for tag in tags] if isinstance(tags, list) else []
    return [""] if _EVERYTHING in named or not named else named


def _row(entry: Listed) -> dict[str, Any]:
    return {"address": entry.address, **({"tags": [_EVERYTHING]} if entry.cause is Cause.UNSUBSCRIBE else {})}
