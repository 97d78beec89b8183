"""All that is known after one run: what was asked for, what vendors got, and what GoMail has written down."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.faults import periods
from tests.faults.clients import Answer
from tests.faults.customers import Order
from tests.faults.mails import Mail
from tests.faults.record import Record
from tests.faults.vendors import Entry


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known after one run."""

    answers: list[Answer]
    ledger: list[Entry]
    record: Record
    log: str
    orders: list[Order] = field(default_factory=list)
    journals: list[str] = field(default_factory=list)  # files that nobody has taken care of
    ailments: list[str] = field(default_factory=list)  # what `manage.py doctor` finds wrong
    asked: Mapping[str, Mail] = field(default_factory=dict)  # what each letter says, by its subject
    kills: int = 0
    infected: set[str] = field(default_factory=set)  # emails with malware, which no vendor may get
    unsent: int = 0  # emails that the clients did not come to send in their time
    ill_at: float = 0.0  # when the first provider fell ill, in seconds since the epoch
    well_at: float = float("inf")

    @cached_property
    def accepted(self) -> Counter[str]:
        """How often each email was accepted, by all vendors together."""
        return Counter(entry.email for entry in self.ledger if entry.accepted)

    @cached_property
    def waiting(self) -> int:
        """Count the emails that the worker has left undone."""
        emails = self.record.emails.values()
        return sum(email.due_at is not None or email.status == "sending" for email in emails)

    @cached_property
    def tried(self) -> list[periods.Tried]:
        """Who tried a provider while its circuit was open, for both providers."""
        found = []
        for name in {change.provider for change in self.record.changes}:
            for period in periods.of(self.record.changes, name):
                found.append(periods.tried(period, self.record, name))
        return found

    @cached_property
    def opened_at(self) -> float | None:
        """When a circuit opened first after the provider had fallen ill."""
        changes = [c.at for c in self.record.changes if c.state == "open" and c.at >= self.ill_at]
        return min(changes, default=None)

    def calls(self, provider: str) -> int:
        """Count the attempts at a provider while the first was ill; a refused connection is in no ledger."""
        began = [a.started_at for a in self.record.attempts if a.provider == provider]
        return sum(self.ill_at <= at < self.well_at for at in began)

    def logged(self, words: str) -> int:
        return self.log.count(words)
