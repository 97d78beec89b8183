"""The status of each provider, in full for the operators, and redacted for one team.

A team is one tenant among several. Vendors quote addresses in their answers, and a circuit's reason is a vendor's
answer about some team's email. So a team sees the facts about the provider (state, times, kinds and codes of
failures, limits, quota); a vendor's text about an email only if the email is the team's; senders only if the team
uses them; and the vendor's statements about the account with addresses removed.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from delivery.content import addresses
from delivery.db import clock
from delivery.models import ApiKey, Attempt, Circuit, CircuitChange, Email, ProviderCheck, Team
from delivery.monitoring import arrivals, quotas, readiness
from delivery.monitoring.arrivals import Arrivals
from delivery.monitoring.quotas import QuotaStatus
from delivery.routing import configured
from providers.base import Limits, Provider

_MOST_ATTEMPTS = 1000  # of a provider, examined for its last success and failure
_MOST_SENDERS_REFUSED = 100
_MOST_EMAILS = 1000
_BETWEEN_CHECKS = timedelta(seconds=10)
_LONGEST = 25.0  # seconds in which checks may begin while a client waits
# The kinds of error that are a provider's fault; the others are the message's.
_FAILURES = ("unavailable", "throttled", "account_problem", "sender_refused", "unknown")


@dataclass(frozen=True, kw_only=True)
class CircuitStatus:
    """The status of a circuit."""

    sender_domain: str = ""  # empty: the provider as a whole
    sender_address: str = ""  # empty: every address of the domain
    state: str = Circuit.State.CLOSED
    trouble: str = ""  # why it was opened, if it is not closed
    reason: str = ""  # the same for a person
    since: datetime | None = None  # None: it has never been opened
    until: datetime | None = None  # when it is tried again; None: it is in use, or out of service
    paused_until: datetime | None = None
    changed_by: str = ""  # a person; empty: GoMail itself

    @property
    def sender(self) -> str:
        """The sender that it is about: an address or a domain; empty: the provider as a whole."""
        return self.sender_address or self.sender_domain

    @property
    def word(self) -> str:
        """The state in a word or two; `paused` for a closed circuit with a pause."""
        paused = self.state == Circuit.State.CLOSED and self.paused_until is not None
        return "paused" if paused else str(Circuit.State(self.state).label)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed attempt that was the provider's fault."""

    at: datetime
    error: str  # the kind of a ProviderError
    code: str  # the provider's
    detail: str  # its answer
    team_id: int | None  # of the email


@dataclass(frozen=True, kw_only=True)
class ProviderStatus:
    """All that GoMail knows about one provider."""

    name: str
    type: str
    position: int
    limits: Limits
    circuit: CircuitStatus
    senders_refused: tuple[CircuitStatus, ...]
    last_success_at: datetime | None  # None: not among its newest attempts
    last_failure: Failure | None
    check: ProviderCheck | None  # its last readiness check; do not save it
    arrivals: Arrivals  # of its events
    quota: QuotaStatus | None  # by which its mail is paced; None: it has not told of one


def everything() -> list[ProviderStatus]:
    """Return the status of every configured provider, in order of preference; for operators only."""
    checks = readiness.answers()
    return [
        _status(provider, position, checks.get(provider.name))
        for position, provider in enumerate(configured.providers(), 1)
    ]


def of(name: str) -> ProviderStatus:
    """Return the status of one configured provider; for operators only."""
    return next(status for status in everything() if status.name == name)


def for_teams(teams: Collection[Team | None]) -> list[ProviderStatus]:
    """Return the statuses redacted for some teams; None: the team of emails sent without an API key."""
    senders = {sender for team in teams for sender in senders_of(team)}
    ids = {team.pk if team else None for team in teams}
    return [_redacted(status, ids, senders) for status in everything()]


def left_out() -> list[str]:
    """Return a sentence for each provider that is configured and cannot be used; fit for any team."""
    return _hidden(configured.problems())


def ask_again() -> None:
    """Check the readiness of the providers now, each at most once in ten seconds across all processes."""
    senders, begun = readiness.senders_in_use(), time.monotonic()
    for provider in configured.providers():
        if time.monotonic() - begun < _LONGEST and readiness.take_turn(provider.name, _BETWEEN_CHECKS):
            readiness.check(provider, senders)


def _status(provider: Provider, position: int, check: ProviderCheck | None) -> ProviderStatus:
    now, success, failure = clock.now(), *_last(provider.name)
    whole = Circuit.objects.filter(provider=provider.name, sender_domain="").first()
    refused = Circuit.objects.filter(
        ~Q(sender_domain=""), provider=provider.name, state=Circuit.State.OPEN, retry_at__gt=now
    )
    return ProviderStatus(
        name=provider.name,
        type=provider.type,
        position=position,
        limits=provider.limits,
        circuit=_circuit_status(whole, now) if whole else CircuitStatus(),
        senders_refused=tuple(_circuit_status(circuit, now) for circuit in refused),
        last_success_at=success,
        last_failure=failure,
        check=check,
        arrivals=arrivals.of(provider),
        quota=quotas.of(provider.name),
    )


def _circuit_status(circuit: Circuit, now: datetime) -> CircuitStatus:
    is_closed = circuit.state == Circuit.State.CLOSED
    paused = circuit.paused_until if circuit.paused_until and circuit.paused_until > now else None
    return CircuitStatus(
        sender_domain=circuit.sender_domain.rpartition("@")[2],
        sender_address=circuit.sender_domain if "@" in circuit.sender_domain else "",
        state=circuit.state,
        trouble="" if is_closed else circuit.trouble,
        reason="" if is_closed else circuit.reason,
        since=began(circuit),
        until=circuit.retry_at,
        paused_until=paused,
        changed_by=circuit.changed_by,
    )


def began(circuit: Circuit) -> datetime:
    """Return since when it is as it is: of a provider that is not used, when the trouble began, not the last probe."""
    if circuit.sender_domain or circuit.state not in (Circuit.State.OPEN, Circuit.State.PROBING):
        return circuit.changed_at
    changes = CircuitChange.objects.filter(circuit=circuit)
    well = changes.filter(state__in=(Circuit.State.CLOSED, Circuit.State.OUT)).order_by("-id")
    after = well.values_list("id", flat=True).first() or 0
    first = changes.filter(id__gt=after).order_by("id").values_list("at", flat=True).first()
    return first or circuit.changed_at


def _last(name: str) -> tuple[datetime | None, Failure | None]:
    """Return the time of the provider's last success, and its last failure, among its newest 1,000 attempts."""
    newest = Attempt.objects.filter(provider=name).order_by("-id").values("pk")[:_MOST_ATTEMPTS]
    among = Attempt.objects.filter(pk__in=newest).order_by("-id")
    success = among.filter(outcome=Attempt.Outcome.ACCEPTED).values_list("started_at", flat=True).first()
    failed = among.filter(error__in=_FAILURES).exclude(outcome=Attempt.Outcome.ACCEPTED)
    return success, _failure(failed.select_related("email").first())


def _failure(attempt: Attempt | None) -> Failure | None:
    if attempt is None:
        return None
    return Failure(
        at=attempt.started_at,
        error=attempt.error,
        code=attempt.code,
        detail=attempt.detail,
        team_id=attempt.email.team_id,
    )


def _redacted(status: ProviderStatus, teams: Collection[int | None], senders: set[str]) -> ProviderStatus:
    domains = {address.rpartition("@")[2] for address in senders}
    known = domains | senders
    own = [refused for refused in status.senders_refused if refused.sender in known]
    return replace(
        status,
        circuit=_redacted_circuit(status.circuit),
        senders_refused=tuple(map(_redacted_circuit, own[:_MOST_SENDERS_REFUSED])),
        last_failure=_redacted_failure(status.last_failure, teams),
        check=_redacted_check(status.check, senders),
    )


def _redacted_circuit(circuit: CircuitStatus) -> CircuitStatus:
    """Replace the provider's words by our own."""
    reason = Circuit.Trouble(circuit.trouble).label if circuit.trouble else ""
    out = circuit.state == Circuit.State.OUT
    return replace(
        circuit,
        reason="A person has taken it out of service." if out else reason and f"{str(reason).capitalize()}.",
        changed_by=addresses.hidden(circuit.changed_by),
    )


def _redacted_failure(failure: Failure | None, teams: Collection[int | None]) -> Failure | None:
    if failure is None or failure.team_id in teams:
        return failure
    return replace(failure, code=addresses.hidden(failure.code), detail="")


def _redacted_check(check: ProviderCheck | None, senders: set[str]) -> ProviderCheck | None:
    if check is None:
        return None
    return ProviderCheck(
        provider=check.provider,
        checked_at=check.checked_at,
        can_be_asked=check.can_be_asked,
        problems=_hidden(check.problems),
        warnings=_hidden(check.warnings),
        sandbox=check.sandbox,
        quota=check.quota,
        senders={address: told for address, told in check.senders.items() if address in senders},
    )


def _hidden(sentences: Sequence[str]) -> list[str]:
    return [addresses.hidden(sentence) for sentence in sentences]


def senders_of(team: Team | None) -> set[str]:
    """Return the sender addresses of a team: of its newest 1,000 emails, of its keys, and the default sender."""
    newest = Email.objects.owned_by(team).order_by("-id").values_list("from_address", flat=True)
    named: Any = ApiKey.objects.filter(team=team, revoked_at=None).values_list("from_addresses", flat=True)
    rules = (rule for some in named for rule in some)
    used = {addresses.canonical(address) for address in newest[:_MOST_EMAILS]}
    used |= {f"postmaster{rule}" if rule.startswith("@") else rule for rule in rules}
    if settings.DEFAULT_FROM_EMAIL:
        used.add(addresses.canonical(addresses.mailbox(settings.DEFAULT_FROM_EMAIL).address))
    return used
