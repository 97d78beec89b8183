"""Circuit breakers of the providers, shared by all processes through the database (docs/decisions/0009).

While nothing fails, nothing is written. After a failure the process looks at the provider's last attempts. A circuit
is opened, probed and closed by one conditional UPDATE. The circuit of a sender at a provider is simpler: it is
open until its retry_at, without a probe.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from delivery.access import audit
from delivery.db import clock, ids, outages
from delivery.db.outages import AWAY
from delivery.db.text import storable
from delivery.models import Attempt, Circuit, CircuitChange
from delivery.routing import circuit_cache, policy, quotas
from delivery.routing.policy import Verdict
from delivery.webhooks import outbox
from delivery.webhooks.outbox import Notice
from providers.base import Answer

_MOST_ATTEMPTS = 200  # examined for one decision
_LONG_AGO = timedelta(days=1)
_State, _Trouble = Circuit.State, Circuit.Trouble
logger = logging.getLogger(__name__)


def learn(attempt: Attempt, answer: Answer, *, sender: str, probe: UUID | None) -> None:
    """Update the circuits by a provider's answer; errors of the database are only logged."""
    try:
        _judge_probe(attempt, answer, probe) if probe else _judge(attempt, answer)
        if policy.verdict(answer) is Verdict.SENDER:
            _refuse_sender(attempt, answer, sender)
        if policy.verdict(answer) is Verdict.PAUSE:
            _pause(attempt.provider, policy.told(answer).after)
            quotas.note_throttle(attempt.provider)
    except AWAY as error:
        outages.report(f"the circuit of {attempt.provider} does not learn of an answer", error)
    except DatabaseError:
        logger.exception("The circuit of %s could not be updated by an answer", attempt.provider)


def any_may_be_used(names: Iterable[str]) -> bool:
    """Tell whether any of these providers would get an email now; True for none, which is handled later."""
    now, circuits = clock.now(), [circuit_cache.of_provider(name) for name in names]
    return not circuits or any(circuit is None or not policy.shut(circuit, now) for circuit in circuits)


def take_probe(circuit: Circuit) -> UUID | None:
    """Move an open circuit to probing; return the probe's id to the one caller that did, None to the others."""
    ripe = Q(state__in=(_State.OPEN, _State.PROBING), retry_at__lte=Now())
    probe = uuid4()
    fields: dict[str, Any] = {"probe": probe, "retry_at": Now() + policy.PROBE_LEASE}
    return probe if _change(circuit, ripe, state=_State.PROBING, **fields) else None


def close(provider: str, probe: UUID) -> None:
    """Close the circuit after a successful probe; the provider's share of emails ramps up."""
    for circuit in _probed(provider, probe):
        _change(circuit, Q(probe=probe), state=_State.CLOSED, retry_at=None, reason="", probe=None)


def release(provider: str, probe: UUID) -> None:
    """Return to open after an inconclusive probe; the next one may be made at once."""
    for circuit in _probed(provider, probe):
        _change(circuit, Q(probe=probe), state=_State.OPEN, retry_at=Now(), probe=None)


def give_back(provider: str, probe: UUID) -> None:
    """Release a probe that was not made; if the database fails, it counts as lost after 60 seconds."""
    try:
        release(provider, probe)
    except AWAY as error:
        outages.report(f"the probe of {provider} counts as lost", error)
    except DatabaseError:
        logger.exception("The probe of %s could not be given back", provider)


def reopen(provider: str, probe: UUID, trouble: str, told: policy.Told) -> None:
    """Reopen the circuit for longer after a failed probe."""
    for circuit in _probed(provider, probe):
        _open(circuit, Q(probe=probe), trouble, told, openings=circuit.openings + 1)


def take_out(provider: str, *, by: str, reason: str = "") -> bool:
    """Take a provider out of service until a person puts it back; False if it is out already."""
    fields: dict[str, Any] = {"reason": reason, "retry_at": None, "probe": None}
    return _change(_found(provider), ~Q(state=_State.OUT), by=by, state=_State.OUT, **fields)


def put_back(provider: str, sender: str = "", *, by: str) -> bool:
    """Close a circuit at once, without a ramp and whatever the trouble; False if it was in use already."""
    anew: dict[str, Any] = {
        "reason": "",
        "retry_at": None,
        "openings": 0,
        "paused_until": None,
        "probe": None,
    }
    shut = ~Q(state=_State.CLOSED) | Q(paused_until__gt=Now())
    rows = Circuit.objects.filter(provider=provider, sender_domain=sender)
    return any(_change(circuit, shut, by=by, state=_State.CLOSED, **anew) for circuit in rows)


def report_account(provider: str, reason: str, at: datetime) -> None:
    """Open the circuit of an account that cannot send, by its own news of that time, unless it was closed since."""
    circuit = _found(provider)
    openings = policy.openings(circuit, clock.now())
    told = policy.Told(reason=reason)
    _open(circuit, Q(state=_State.CLOSED, changed_at__lte=at), _Trouble.ACCOUNT, told, openings=openings)


def report_restored(provider: str) -> None:
    """Close the circuit of an account that can send again; what a person took out of service stays out."""
    opened = Q(state__in=(_State.OPEN, _State.PROBING), trouble=_Trouble.ACCOUNT)
    for circuit in Circuit.objects.filter(provider=provider, sender_domain=""):
        _change(circuit, opened, state=_State.CLOSED, retry_at=None, reason="", probe=None)


def report_sender(provider: str, sender: str, reason: str, at: datetime) -> None:
    """Open the circuit of a sender that the provider does not take, by its news of that time."""
    before = Q(state=_State.CLOSED, changed_at__lte=at) | Q(retry_at__lte=Now())
    _open(_found(provider, sender), before, _Trouble.SENDER, policy.Told(reason=reason), openings=1)


def forget_senders() -> None:
    """Delete circuits of senders whose retry_at is more than a day ago."""
    senders = Circuit.objects.exclude(sender_domain="")
    senders.filter(retry_at__lt=clock.now() - _LONG_AGO).delete()


def _judge(attempt: Attempt, answer: Answer) -> None:
    verdict = policy.verdict(answer)
    if verdict is Verdict.ACCOUNT:
        _trip(attempt, _Trouble.ACCOUNT, policy.told(answer))
    elif policy.counts_against(verdict, attempt.latency_ms) and _has_failed_enough(attempt):
        _trip(attempt, _Trouble.FAILING, policy.told(answer))


def _judge_probe(attempt: Attempt, answer: Answer, probe: UUID) -> None:
    provider, verdict = attempt.provider, policy.verdict(answer)
    if verdict is Verdict.ACCOUNT:
        reopen(provider, probe, _Trouble.ACCOUNT, policy.told(answer))
    elif policy.counts_against(verdict, attempt.latency_ms):
        reopen(provider, probe, _Trouble.FAILING, policy.told(answer))
    elif verdict is Verdict.NOTHING:
        release(provider, probe)
    else:
        close(provider, probe)


def _probed(provider: str, probe: UUID) -> QuerySet[Circuit]:
    """Return the circuit being probed by this probe; empty if the probe was lost."""
    return Circuit.objects.filter(provider=provider, sender_domain="", probe=probe)


def _trip(attempt: Attempt, trouble: str, told: policy.Told) -> None:
    """Open the provider's circuit, unless it is open already or was closed after this attempt began."""
    circuit = _found(attempt.provider)
    openings = policy.openings(circuit, clock.now())
    _open(circuit, _closed_before(attempt), trouble, told, openings=openings)


def _refuse_sender(attempt: Attempt, answer: Answer, sender: str) -> None:
    """Open the circuit of the address; that of its domain if the vendor names it, or several addresses failed."""
    domain = sender.rpartition("@")[2]
    if policy.names_domain(answer):
        _open_for(attempt, answer, domain)
        return
    _open_for(attempt, answer, sender)
    if _refuses_all_of(attempt.provider, domain):
        _open_for(attempt, answer, domain)


def _open_for(attempt: Attempt, answer: Answer, sender: str) -> None:
    over = _closed_before(attempt) | Q(retry_at__lte=Now())
    _open(_found(attempt.provider, sender), over, _Trouble.SENDER, policy.told(answer), openings=1)


def _refuses_all_of(provider: str, domain: str) -> bool:
    """Tell whether several addresses of a domain are refused now, and the provider took mail of none lately."""
    refused = Circuit.objects.filter(
        provider=provider, sender_domain__endswith=f"@{domain}", state=_State.OPEN, retry_at__gt=Now()
    )
    if refused.count() < policy.SEVERAL_SENDERS:
        return False
    newest = Attempt.objects.filter(provider=provider).order_by("-id").values("pk")[:_MOST_ATTEMPTS]
    among = Attempt.objects.filter(pk__in=newest, outcome=Attempt.Outcome.ACCEPTED)
    return not among.filter(email__from_address__iendswith=f"@{domain}").exists()


def _found(provider: str, sender: str = "") -> Circuit:
    """Return the circuit, created if need be: a new one counts as closed for a day."""
    key = {"provider": provider, "sender_domain": sender}
    return Circuit.objects.get_or_create(**key, defaults={"changed_at": clock.now() - _LONG_AGO})[0]


def _closed_before(attempt: Attempt) -> Q:
    """Return the condition that a circuit was closed before this attempt began, by the database's clock alone.

    The attempt ends now, so it began its latency ago.
    """
    took = timedelta(milliseconds=attempt.latency_ms or 0)
    return Q(state=_State.CLOSED, changed_at__lte=Now() - took)


def _has_failed_enough(attempt: Attempt) -> bool:
    """Tell from the provider's last attempts whether to open its circuit; False if it is known to be open."""
    circuit, now = circuit_cache.of_provider(attempt.provider), clock.now()
    if circuit and circuit.state != _State.CLOSED:
        return False
    since = now - policy.WINDOW
    newest = _latest(attempt.provider, max(since, circuit.changed_at) if circuit else since)
    return policy.is_failing(newest, on_ramp=circuit is not None and policy.is_on_ramp(circuit, now))


def _latest(provider: str, since: datetime) -> list[tuple[str, int | None]]:
    """Return (kind of error, milliseconds) of the ended attempts begun since then, newest first."""
    ended = Attempt.objects.filter(provider=provider, id__gte=ids.floor(since), latency_ms__isnull=False)
    return list(ended.order_by("-id").values_list("error", "latency_ms")[:_MOST_ATTEMPTS])


def _pause(provider: str, seconds: float | None) -> None:
    """Pause a provider for the time it asked for. No circuit opens, and it does not count as a failure."""
    now = clock.now()
    circuit, until = _found(provider), now + policy.pause(seconds)
    was_paused = circuit.paused_until is not None and circuit.paused_until > now
    shorter = Q(paused_until=None) | Q(paused_until__lt=until)
    if Circuit.objects.filter(shorter, pk=circuit.pk).update(paused_until=until):
        circuit_cache.forget()
        if not was_paused:
            logger.warning("%s asked for a pause of %.1f s", circuit, (until - now).total_seconds())


def _open(circuit: Circuit, still: Q, trouble: str, told: policy.Told, *, openings: int) -> None:
    wait = policy.wait(trouble, openings, told.after)
    fields: dict[str, Any] = {
        "trouble": trouble,
        "openings": openings,
        "retry_at": Now() + wait,
        "probe": None,
    }
    _change(circuit, still, state=_State.OPEN, reason=storable(told.reason), **fields)


def _change(circuit: Circuit, still: Q, *, by: str = "", state: Circuit.State, **fields: Any) -> bool:
    """Change a circuit if the condition `still` holds; of several processes one does it, and logs it."""
    reason = str(fields.get("reason", ""))
    with transaction.atomic():
        rows = Circuit.objects.filter(still, pk=circuit.pk)
        changed = rows.update(state=state, changed_at=Now(), changed_by=by, **fields)
        if changed:
            CircuitChange.objects.create(circuit=circuit, state=state, reason=reason, by=by, at=clock.now())
            _tell(circuit, state, fields)
            if by:  # what GoMail does by itself is in the circuit's own history
                _record(circuit, state, reason)
    circuit_cache.forget()
    if changed:
        logger.warning("%s: %s. %s", circuit, state.label, reason)
    return bool(changed)


def _record(circuit: Circuit, state: Circuit.State, reason: str) -> None:
    action = "circuit.taken_out" if state is _State.OUT else "circuit.put_back"
    name = f"{circuit.provider} {circuit.sender_domain}".strip()
    before = {"state": circuit.state, "reason": circuit.reason}
    audit.record(action, "circuit", name, team=None, before=before, after={"state": state, "reason": reason})


def _tell(circuit: Circuit, state: Circuit.State, fields: Mapping[str, Any]) -> None:
    """Tell webhooks that a provider has gone, or is back; what a vendor said of one team's mail is not told to all."""
    was_closed, is_closed = circuit.state == _State.CLOSED, state is _State.CLOSED
    if circuit.sender_domain or was_closed == is_closed:
        return
    kind = "provider.recovered" if is_closed else "provider.unavailable"
    trouble = Circuit.Trouble(fields["trouble"]).label if "trouble" in fields else state.label
    data = {"provider": circuit.provider, "state": state.value, "reason": "" if is_closed else trouble}
    outbox.enqueue([Notice(kind=kind, team_id=None, data=data)])
