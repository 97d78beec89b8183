"""SendGrid's lists: bounces, spam reports, invalid addresses, global unsubscribes. Blocks are none: it sends again.

Paths and shapes: https://github.com/twilio/sendgrid-oai, spec/json/tsg_suppression_bounces_v3.json and its siblings.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from providers.configuration import Entry
from providers.sendgrid import configure, errors
from providers.suppressions import LONGEST_PAGE, Cause, Listed, moment, text
from providers.wire.calls import Calls, NotFound

_AT_ONCE = 500  # the most that a page holds, and enough for a request that adds
_GLOBAL = "/v3/asm/suppressions/global"  # the only list that can be written to
_LISTS = {
    "bounces": Cause.HARD_BOUNCE,
    "spam_reports": Cause.COMPLAINT,
    "invalid_emails": Cause.INVALID,
    "unsubscribes": Cause.UNSUBSCRIBE,
}


class Lists:
    """The lists of one account."""

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured if it has no key."""
        config = configure.config(entry)
        self._endpoint = config.endpoint(longest=LONGEST_PAGE)
        self._calls = Calls(
            name=entry.name,
            vendor="SendGrid",
            endpoint=self._endpoint,
            words=lambda answer: errors.words_of(errors.errors_of(answer)),
            hide=[config.api_key],
        )

    def read(self, since: datetime | None) -> Iterator[Sequence[Listed]]:
        """Yield the pages of each list, those since then."""
        for name, cause in _LISTS.items():
            yield from self._pages(name, cause, int(since.timestamp()) if since else 0)

    def add(self, several: Sequence[Listed]) -> None:
        """Put addresses on the list of global unsubscribes."""
        for start in range(0, len(several), _AT_ONCE):
            addresses = [entry.address for entry in several[start : start + _AT_ONCE]]
            self._calls.send("POST", _GLOBAL, {"recipient_emails": addresses}, right=_right("asm", "create"))

    def remove(self, address: str) -> None:
        """Take an address off all four lists."""
        for name in _LISTS:
            path = _GLOBAL if name == "unsubscribes" else f"/v3/suppression/{name}"
            self._delete(f"{path}/{quote(address, safe='')}")

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _pages(self, name: str, cause: Cause, start_time: int) -> Iterator[Sequence[Listed]]:
        offset = 0
        while True:
            path = f"/v3/suppression/{name}?start_time={start_time}&limit={_AT_ONCE}&offset={offset}"
            told = self._calls.get(path, right=_right("suppression", "read"))
            rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
            if rows:
                yield [_listed(row, cause) for row in rows]
            if len(rows) < _AT_ONCE:
                return
            offset += len(rows)

    def _delete(self, path: str) -> None:
        try:
            self._calls.delete(path, right=_right("suppression", "delete"))
        except NotFound:
            return


def _right(what: str, verb: str) -> str:
    return f"the scope {what}.{verb} (Suppressions, full access)"


def _listed(row: dict[str, Any], cause: Cause) -> Listed:
    said = " ".join(part for part in (text(row, "status"), text(row, "reason")) if part)
    return Listed(address=text(row, "email"), cause=cause, reason=said, at=moment(row.get("created")))
