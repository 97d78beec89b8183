"""What GoMail has written down: read by a process of its own, which knows the installation's database.

python -m tests.faults.record dump|waiting|ripen|hurry|outlive      answers in JSON
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

_SOON = timedelta(seconds=2)  # the moment is known to all processes before, so that all come at once
_WORKERS_TURN = timedelta(seconds=60)  # an account in trouble is the worker's to ask before it is an email's


@dataclass(frozen=True, kw_only=True)
class Email:
    """One email's row; moments in seconds since the epoch."""

    id: str
    status: str
    on_ambiguous: str
    possible_duplicate: bool
    created_at: float
    finished_at: float | None
    due_at: float | None
    expires_at: float = float("inf")
    provider: str = ""  # the one that accepted it
    subject: str = ""
    crashes: int = 0


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """One recipient's row."""

    email_id: str
    status: str
    kind: str = "to"
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt's row."""

    id: str
    email_id: str
    provider: str
    outcome: str
    started_at: float
    latency_ms: int | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of the circuit of a whole provider."""

    provider: str
    state: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """The rows of one installation, each list in the order of writing."""

    emails: Mapping[str, Email]
    attempts: list[Attempt]
    changes: list[Change]
    recipients: list[Recipient] = field(default_factory=list)

    @classmethod
    def read(cls, rows: Any) -> Self:
        return cls(
            emails={row["id"]: Email(**row) for row in rows["emails"]},
            attempts=[Attempt(**row) for row in rows["attempts"]],
            changes=[Change(**row) for row in rows["changes"]],
            recipients=[Recipient(**row) for row in rows["recipients"]],
        )


def _dump() -> Any:
    from delivery import models

    changes = models.CircuitChange.objects.filter(circuit__sender_domain="").order_by("id")
    told = [
        {"provider": provider, "state": state, "at": at}
        for provider, state, at in changes.values_list("circuit__provider", "state", "at")
    ]
    return {
        "emails": list(models.Email.objects.order_by("id").values(*Email.__annotations__)),
        "attempts": list(models.Attempt.objects.order_by("id").values(*Attempt.__annotations__)),
        "changes": told,
        "recipients": list(models.Recipient.objects.order_by("id").values(*Recipient.__annotations__)),
    }


def _waiting() -> int:
    from delivery.models import Email as Row

    return Row.objects.waiting().count() + Row.objects.filter(status=Row.Status.SENDING).count()


def _ripen() -> int:
    """Let open circuits be ripe for an email soon; return how many there were."""
    from django.utils import timezone

    from delivery.models import Circuit

    is_open, soon = Circuit.objects.filter(state=Circuit.State.OPEN), timezone.now() + _SOON
    account = is_open.filter(trouble=Circuit.Trouble.ACCOUNT).update(retry_at=soon - _WORKERS_TURN)
    return account + is_open.exclude(trouble=Circuit.Trouble.ACCOUNT).update(retry_at=soon)


def _hurry() -> int:
    """Let everything that waits be due now: pauses grow to half an hour, and are no part of what is tried."""
    from django.utils import timezone

    from delivery.models import Email as Row

    _ripen()
    return Row.objects.waiting().update(due_at=timezone.now())


def _outlive() -> int:
    """Let every second email that waits be past its deadline."""
    from django.utils import timezone

    from delivery.models import Email as Row

    waiting = Row.objects.waiting().order_by("id").values_list("pk", flat=True)
    return Row.objects.waiting().filter(pk__in=list(waiting)[::2]).update(expires_at=timezone.now())


def _plain(value: object) -> object:
    return value.timestamp() if isinstance(value, datetime) else str(value)


if __name__ == "__main__":
    import django

    django.setup()
    questions = {"dump": _dump, "waiting": _waiting, "ripen": _ripen, "hurry": _hurry, "outlive": _outlive}
    print(json.dumps(questions[sys.argv[1]](), default=_plain))
