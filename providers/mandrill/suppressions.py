"""Mandrill's rejection denylist.

Paths and shapes: https://github.com/mailchimp/mailchimp-client-lib-codegen, spec/transactional.openapi.json. The list
has no pages and tells a thousand entries at most; an export has them all.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from providers.configuration import Entry
from providers.mandrill import configure, errors
from providers.suppressions import LONGEST_PAGE, Cause, Incomplete, Listed, moment, text
from providers.wire.calls import Calls

_MOST = 1000
_CAUSES = {
    "hard-bounce": Cause.HARD_BOUNCE,
    "soft-bounce": Cause.HARD_BOUNCE,  # it is listed once Mandrill gives up, until expires_at
    "spam": Cause.COMPLAINT,
    "unsub": Cause.UNSUBSCRIBE,
    "custom": Cause.MANUAL,
    "invalid": Cause.INVALID,
}


class Lists:
    """The list of one account."""

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured if it has no key."""
        config = configure.config(entry)
        self._name, self._key = entry.name, config.api_key
        self._endpoint = config.endpoint(longest=LONGEST_PAGE)
        self._calls = Calls(
            name=entry.name,
            vendor="Mandrill",
            endpoint=self._endpoint,
            words=errors.words,
            hide=[config.api_key],
            refuses_by_500=True,
        )

    def read(self, since: datetime | None) -> Iterator[Sequence[Listed]]:
        """Yield the one page; raise Incomplete if there may be more."""
        told = self._ask("list")
        rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
        yield [_listed(row) for row in rows if row.get("expired") is not True]
        if len(rows) >= _MOST:
            raise Incomplete(
                f"{self._name}: Mandrill tells {_MOST:,} entries at most. Export its Rejection Denylist once, and "
                "import the file by suppressions/import/."
            )

    def add(self, several: Sequence[Listed]) -> None:
        """Put addresses on the list one by one, as custom entries, which never expire."""
        for entry in several:
            self._ask("add", email=entry.address, comment=entry.reason[:250])

    def remove(self, address: str) -> None:
        """Take an address off the list; Mandrill answers the same when it was not on it."""
        self._ask("delete", email=address)

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _ask(self, call: str, **fields: object) -> Any:
        right = f"the call rejects/{call}"
        return self._calls.send("POST", f"/rejects/{call}.json", {"key": self._key, **fields}, right=right)


def _listed(row: dict[str, Any]) -> Listed:
    return Listed(
        address=text(row, "email"),
        cause=_CAUSES.get(text(row, "reason"), Cause.VENDOR),
        reason=text(row, "detail"),
        at=moment(row.get("created_at")),
        expires_at=moment(row.get("expires_at")),
    )
