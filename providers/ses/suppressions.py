"""The suppression list of an SES account in one region. Calls: botocore/data, sesv2.

It answers one call a second. Writing is refused while the account is in the sandbox.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from providers.configuration import Entry
from providers.ses import cloud, configure
from providers.ses.cloud import Cloud, Missing
from providers.suppressions import Cause, Listed, moment, text

_AT_ONCE = 1000
_CAUSES = {"BOUNCE": Cause.HARD_BOUNCE, "COMPLAINT": Cause.COMPLAINT}


class Lists:
    """The list of one account in one region."""

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured without a region."""
        self._cloud = Cloud(configure.config(entry), attempts=cloud.PATIENT)

    def read(self, since: datetime | None) -> Iterator[Sequence[Listed]]:
        """Yield the pages, those since then."""
        asked: dict[str, Any] = {"PageSize": _AT_ONCE, **({"StartDate": since} if since else {})}
        while True:
            with self._cloud.asking("ses:ListSuppressedDestinations"):
                told = self._cloud.ses.list_suppressed_destinations(**asked)
            if rows := told.get("SuppressedDestinationSummaries") or []:
                yield [_listed(row) for row in rows]
            if not (token := told.get("NextToken")):
                return
            asked["NextToken"] = token

    def add(self, several: Sequence[Listed]) -> None:
        """Put addresses on the list one by one, complaints as such and the others as bounces."""
        for entry in several:
            reason = "COMPLAINT" if entry.cause is Cause.COMPLAINT else "BOUNCE"
            with self._cloud.asking("ses:PutSuppressedDestination"):
                self._cloud.ses.put_suppressed_destination(EmailAddress=entry.address, Reason=reason)

    def remove(self, address: str) -> None:
        """Take an address off the list."""
        try:
            with self._cloud.asking("ses:DeleteSuppressedDestination"):
                self._cloud.ses.delete_suppressed_destination(EmailAddress=address)
        except Missing:
            return

    def close(self) -> None:
        """Close the connections."""
        self._cloud.close()


def _listed(row: dict[str, Any]) -> Listed:
    told = row.get("LastUpdateTime")
    at = told if isinstance(told, datetime) else moment(told)
    return Listed(
        address=text(row, "EmailAddress"), cause=_CAUSES.get(text(row, "Reason"), Cause.VENDOR), at=at
    )
