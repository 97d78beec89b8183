"""The context of the providers' page."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from delivery.admin import pages
from delivery.admin.pages import Label
from delivery.models import Circuit, CircuitChange, ProviderCheck, Team
from delivery.monitoring import provider_status
from delivery.monitoring.arrivals import Arrivals, State
from delivery.monitoring.provider_status import CircuitStatus, Failure, ProviderStatus
from delivery.monitoring.quotas import QuotaStatus
from delivery.routing import configured, policy
from providers.base import Limits

_CHANGES = 50
_MOST_SENDERS = 25  # refused senders shown for a provider
_State = Circuit.State
_NOT_FOUND = "none in the last 1,000"  # attempts; provider_status looks at no more
_SANDBOX = {
    True: "in the vendor's sandbox: it accepts mail but does not deliver it to everybody",
    False: "in production",
    None: "not known whether in production",
}
_EVENTS = {
    State.NONE: Label(text="not connected from here", colour=""),
    State.NOT_CONNECTED: Label(text="not connected", colour=""),
    State.QUIET: Label(text="connected", colour="info"),
    State.COMING: Label(text="coming", colour="success"),
    State.SILENT: Label(text="silent", colour="danger"),
}
VERIFIED = {
    True: Label(text="verified", colour="success"),
    False: Label(text="not verified", colour="danger"),
    None: Label(text="unknown", colour=""),
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The condition of a circuit."""

    label: Label
    sentence: SafeString | str = ""  # until when, and why; empty: in use without limits
    said: str = ""  # the reason in a vendor's or a person's words


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A provider's last readiness check."""

    verdict: Label
    asked: SafeString
    problems: list[str]
    warnings: list[str]
    account: str
    quota: dict[str, Any] | None
    senders: list[tuple[str, Label, str]]


@dataclass(frozen=True, kw_only=True)
class Card:
    """One provider on the page."""

    name: str
    type: str
    condition: Condition
    can_be_taken_out: bool
    can_be_put_back: bool
    facts: list[tuple[str, SafeString | str]]
    events: Label
    blocked: str  # file types that it refuses
    failure: Failure | None
    senders: list[tuple[str, Condition]]
    more_senders: int
    answer: Answer | None


def page(now: datetime, teams: Collection[Team] | None) -> dict[str, Any]:
    """Return the context of the page, as it is fit for these teams; None: for the operator."""
    whole, circuits = teams is None, of_providers(whole=teams is None)
    known = provider_status.everything() if teams is None else provider_status.for_teams(teams)
    return {
        "cards": [_card(each, circuits.get(each.name), now) for each in known],
        "left_out": configured.problems() if whole else provider_status.left_out(),
        "changes": _changes() if whole else None,
        "most_changes": _CHANGES,
    }


def of_providers(*, whole: bool) -> dict[str, Circuit]:
    """Return the circuits of the configured providers by name; one that was never opened has none.

    Unless whole, without what vendors and people have said: it may quote other teams' addresses. Do not save them.
    """
    rows = Circuit.objects.filter(provider__in=configured.names(), sender_domain="")
    return {circuit.provider: circuit if whole else _unsaid(circuit) for circuit in rows}


def _unsaid(circuit: Circuit) -> Circuit:
    circuit.reason, circuit.changed_by = "", ""
    return circuit


def condition(circuit: Circuit | None, now: datetime) -> Condition:
    """Return the condition of a provider."""
    if circuit is None:
        return _in_use()
    if circuit.state == _State.CLOSED:
        return _slowed(circuit, now) or _in_use()
    if circuit.state == _State.OUT:
        by = circuit.changed_by or "somebody"
        return Condition(label=_label(_State.OUT), sentence=f"Taken out by {by}.", said=circuit.reason)
    return Condition(
        label=_label(circuit.state), sentence=_expected(circuit.retry_at, circuit, now), said=circuit.reason
    )


def _in_use() -> Condition:
    return Condition(label=_label(_State.CLOSED))


def _slowed(circuit: Circuit, now: datetime) -> Condition | None:
    if circuit.paused_until and circuit.paused_until > now:
        asked = format_html("It asked for a pause until {}.", pages.moment(circuit.paused_until))
        return Condition(label=Label(text="paused", colour="warning"), sentence=asked)
    if policy.is_on_ramp(circuit, now):
        back = "It has just come back and gets a part of the emails, soon all."
        return Condition(label=Label(text="coming back", colour="info"), sentence=back)
    return None


def _expected(until: datetime | None, circuit: Circuit, now: datetime) -> SafeString | str:
    trouble = circuit.get_trouble_display() or "no reason is known"
    if circuit.state == _State.PROBING:
        return f"It is tried with one email, while the others go elsewhere: {trouble}."
    if until is None or until <= now:
        return f"It is tried with the next email: {trouble}."
    return format_html("Not used until {}: {}.", pages.moment(until), trouble)


def _card(known: ProviderStatus, circuit: Circuit | None, now: datetime) -> Card:
    how = condition(circuit, now)
    return Card(
        name=known.name,
        type=known.type,
        condition=how,
        can_be_taken_out=known.circuit.state != _State.OUT,
        can_be_put_back=known.circuit.state != _State.CLOSED or known.circuit.paused_until is not None,
        facts=_facts(known, circuit),
        events=_EVENTS[known.arrivals.state],
        blocked=", ".join(f".{extension}" for extension in sorted(known.limits.blocked_extensions)),
        failure=known.last_failure,
        senders=[_sender(one) for one in known.senders_refused[:_MOST_SENDERS]],
        more_senders=max(0, len(known.senders_refused) - _MOST_SENDERS),
        answer=_answer(known.check) if known.check else None,
    )


def _facts(known: ProviderStatus, circuit: Circuit | None) -> list[tuple[str, SafeString | str]]:
    success, failure = known.last_success_at, known.last_failure
    return [
        (
            "Since",
            pages.moment(provider_status.began(circuit)) if circuit else "always: nothing was ever wrong",
        ),
        ("Openings", f"{circuit.openings}" if circuit else "0"),
        ("Last success", pages.moment(success) if success else _NOT_FOUND),
        ("Last failure", pages.moment(failure.at) if failure else _NOT_FOUND),
        ("Carries", _limits(known.limits)),
        ("Last event", _events(known.arrivals)),
        *(_paces(known.quota) if known.quota else ()),
    ]


def _paces(quota: QuotaStatus) -> list[tuple[str, SafeString | str]]:
    """Return how fast and how much it may send, and for how long that lasts."""
    day = f"{quota.used:,} of {quota.day:,} used; {quota.kept_for_high:,} are kept for high priority"
    return [
        ("Rate", f"{quota.per_second:g} recipients a second" if quota.per_second else "without a limit"),
        ("Day", day if quota.day is not None else "without a limit"),
        ("Lasts", _lasts(quota)),
    ]


def _lasts(quota: QuotaStatus) -> SafeString | str:
    if quota.next_takes_over_at is None:
        return "for ever at this pace"
    following = format_html("the next provider takes over {}", pages.moment(quota.next_takes_over_at))
    if quota.used_up_at is None:
        return following
    return format_html("{}, all is used up {}", following, pages.moment(quota.used_up_at))


def _events(found: Arrivals) -> SafeString | str:
    last = pages.moment(found.last_at) if found.last_at else "none has ever come"
    if found.accepted_at:
        return format_html("{}, though it accepted mail {}", last, pages.moment(found.accepted_at))
    return last


def _limits(limits: Limits) -> str:
    empty = "" if limits.empty_files else ", no empty files"
    return f"{limits.max_bytes / 1e6:.0f} MB, {limits.max_recipients:,} recipients{empty}"


def _sender(refused: CircuitStatus) -> tuple[str, Condition]:
    sentence = format_html("until {}", pages.moment(refused.until)) if refused.until else ""
    return refused.sender, Condition(label=_label(refused.state), sentence=sentence, said=refused.reason)


def _answer(check: ProviderCheck) -> Answer | None:
    if check.checked_at is None:  # asked, and no answer yet
        return None
    return Answer(
        verdict=_verdict(check),
        asked=pages.moment(check.checked_at),
        problems=check.problems,
        warnings=check.warnings,
        account=_SANDBOX[check.sandbox],
        quota=_quota(check.quota),
        senders=[
            (address, VERIFIED[told.get("verified")], told.get("detail", ""))
            for address, told in sorted(check.senders.items(), key=lambda item: item[0].rpartition("@")[::-1])
        ],
    )


def _verdict(check: ProviderCheck) -> Label:
    if not check.ready:
        return Label(text="would not carry mail", colour="danger")
    if not check.can_be_asked:
        return Label(text="cannot be asked", colour="")
    return (
        Label(text="sandbox", colour="warning")
        if check.sandbox
        else Label(text="would carry mail", colour="success")
    )


def _quota(quota: dict[str, Any] | None) -> dict[str, Any] | None:
    if quota is None:
        return None
    used, limit = round(quota["used"]), round(quota["limit"])
    return {
        "used": used,
        "limit": limit,
        "nearly": round(limit * 0.9),
        "words": _of(used, limit, quota["per"]),
    }


def _of(used: int, limit: int, per: str) -> str:
    return f"{used:,} of {limit:,} per {per}"


def _changes() -> list[dict[str, Any]]:
    newest = list(CircuitChange.objects.select_related("circuit").order_by("-id")[:_CHANGES])
    return [
        {
            "circuit": str(change.circuit),
            "label": _label(change.state),
            "from": change.at,
            "to": to,
            "took": timesince(change.at, to, depth=1) if to and (to - change.at).seconds >= 60 else "",
            "by": change.by or "GoMail",
            "reason": change.reason,
        }
        for change, to in _with_ends(newest)
    ]


def _with_ends(newest_first: Iterable[CircuitChange]) -> Iterable[tuple[CircuitChange, datetime | None]]:
    """Yield each change and the time of its circuit's next change; None: there is none yet."""
    following: dict[int, datetime] = {}
    for change in newest_first:
        yield change, following.get(change.circuit_id)
        following[change.circuit_id] = change.at


def _label(state: str) -> Label:
    return pages.label(state, str(_State(state).label))
