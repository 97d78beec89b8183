"""Whether a provider may be used, shared by all processes through the database (docs/decisions/0009).

While all is well nothing is written. A failure makes whoever met it look at the provider's last attempts; what
opens, tries and closes a circuit is one conditional UPDATE. The circuit of a sender's domain at a provider is
simpler: it is open until a moment, and nobody probes.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from delivery import ids, judgement, standings
from delivery.judgement import Verdict
from delivery.models import Attempt, Circuit, CircuitChange
from providers.errors import ProviderError
from providers.message import Receipt

_MOST_LOOKED_AT = 200  # attempts
_State, _Trouble = Circuit.State, Circuit.Trouble
logger = logging.getLogger(__name__)


def learn(attempt: Attempt, news: ProviderError | Receipt, *, sender_domain: str, probing: bool) -> None:
    """Draw the consequences of an answer; a failing database changes nothing about the answer itself."""
    try:
        _judge_probe(attempt, news) if probing else _judge(attempt, news)
        if judgement.verdict(news) is Verdict.SENDER:
            _refuse_sender(attempt, news, sender_domain)
        if judgement.verdict(news) is Verdict.PAUSE:
            _pause(attempt.provider, judgement.told(news).after)
    except (OperationalError, InterfaceError):
        logger.exception("What %s answered could not be told to its circuit", attempt.provider)


def anybody_may_be_used(names: Iterable[str]) -> bool:
    """Tell whether an email would be let through to one of these providers now; without any, that is found later."""
    now, circuits = timezone.now(), [standings.of_provider(name) for name in names]
    return not circuits or any(circuit is None or not judgement.shut(circuit, now) for circuit in circuits)


def take_probe(circuit: Circuit) -> bool:
    """Take the right to try an open circuit: one caller of all processes gets it, until the probe counts as lost."""
    ripe = Q(state__in=(_State.OPEN, _State.PROBING), retry_at__lte=Now())
    return _change(circuit, ripe, state=_State.PROBING, retry_at=Now() + judgement.PROBE_LEASE)


def close(circuit: Circuit) -> None:
    """Use the provider again, slowly at first: its probe went well."""
    _change(circuit, Q(state=_State.PROBING), state=_State.CLOSED, retry_at=None, reason="")


def release(circuit: Circuit) -> None:
    """Give back a probe that told nothing: the next one may be made at once."""
    _change(circuit, Q(state=_State.PROBING), state=_State.OPEN, retry_at=Now())


def reopen(circuit: Circuit, trouble: str, reason: str) -> None:
    """Leave the provider alone for longer: its probe went badly."""
    told = judgement.Told(reason=reason)
    _open(circuit, Q(state=_State.PROBING), trouble, told, openings=circuit.openings + 1)


def take_out(provider: str, *, by: str, reason: str = "") -> bool:
    """Take a provider out of service until a person puts it back; False when it is out already."""
    circuit, _ = Circuit.objects.get_or_create(provider=provider, sender_domain="")
    return _change(circuit, ~Q(state=_State.OUT), by=by, state=_State.OUT, reason=reason, retry_at=None)


def put_back(provider: str, sender_domain: str = "", *, by: str) -> bool:
    """Use a provider fully and at once, whatever was wrong with it; False when nothing was."""
    anew: dict[str, Any] = {"reason": "", "retry_at": None, "openings": 0, "paused_until": None}
    shut = ~Q(state=_State.CLOSED) | Q(paused_until__gt=Now())
    rows = Circuit.objects.filter(provider=provider, sender_domain=sender_domain)
    return any(_change(circuit, shut, by=by, state=_State.CLOSED, **anew) for circuit in rows)


def _judge(attempt: Attempt, news: ProviderError | Receipt) -> None:
    verdict = judgement.verdict(news)
    if verdict is Verdict.ACCOUNT:
        _trip(attempt, _Trouble.ACCOUNT, judgement.told(news))
    elif judgement.counts_against(verdict, attempt.latency_ms) and _has_failed_enough(attempt):
        _trip(attempt, _Trouble.FAILING, judgement.told(news))


def _judge_probe(attempt: Attempt, news: ProviderError | Receipt) -> None:
    circuit, verdict = (
        Circuit.objects.get(provider=attempt.provider, sender_domain=""),
        judgement.verdict(news),
    )
    if verdict is Verdict.ACCOUNT:
        reopen(circuit, _Trouble.ACCOUNT, judgement.told(news).reason)
    elif judgement.counts_against(verdict, attempt.latency_ms):
        reopen(circuit, _Trouble.FAILING, judgement.told(news).reason)
    elif verdict is Verdict.NOTHING:
        release(circuit)
    else:
        close(circuit)


def _trip(attempt: Attempt, trouble: str, told: judgement.Told) -> None:
    """Open the provider's circuit, unless it was closed after this attempt had begun or is open already."""
    began = attempt.started_at
    circuit = _found(attempt.provider, "", began)
    openings = judgement.openings(circuit, timezone.now())
    _open(circuit, Q(state=_State.CLOSED, changed_at__lte=began), trouble, told, openings=openings)


def _refuse_sender(attempt: Attempt, news: ProviderError | Receipt, sender_domain: str) -> None:
    circuit = _found(attempt.provider, sender_domain, attempt.started_at)
    over = Q(state=_State.CLOSED, changed_at__lte=attempt.started_at) | Q(retry_at__lte=Now())
    _open(circuit, over, _Trouble.SENDER, judgement.told(news), openings=1)


def _found(provider: str, sender_domain: str, began: datetime) -> Circuit:
    """Return the circuit; a new one was closed before the attempt that asks began."""
    rows = Circuit.objects
    return rows.get_or_create(provider=provider, sender_domain=sender_domain, defaults={"changed_at": began})[
        0
    ]


def _has_failed_enough(attempt: Attempt) -> bool:
    """Look at the provider's last attempts, unless its circuit is known to be open already."""
    circuit, now = standings.of_provider(attempt.provider), timezone.now()
    if circuit and circuit.state != _State.CLOSED:
        return False
    since = now - judgement.WINDOW
    newest = _latest(attempt.provider, max(since, circuit.changed_at) if circuit else since)
    return judgement.is_failing(newest, on_ramp=circuit is not None and judgement.is_on_ramp(circuit, now))


def _latest(provider: str, since: datetime) -> list[tuple[str, int | None]]:
    """Return (kind of error, milliseconds) of the attempts begun since and ended, the newest first."""
    ended = Attempt.objects.filter(provider=provider, id__gte=ids.floor(since), latency_ms__isnull=False)
    return list(ended.order_by("-id").values_list("error", "latency_ms")[:_MOST_LOOKED_AT])


def _pause(provider: str, seconds: float | None) -> None:
    """Leave a provider alone for the time it asked for. That is no trouble: nothing opens and nothing is counted."""
    now = timezone.now()
    circuit, until = _found(provider, "", now), now + judgement.pause(seconds)
    was_paused = circuit.paused_until is not None and circuit.paused_until > now
    shorter = Q(paused_until=None) | Q(paused_until__lt=until)
    if Circuit.objects.filter(shorter, pk=circuit.pk).update(paused_until=until):
        standings.forget()
        if not was_paused:
            logger.warning("%s asked for a pause of %.1f s", circuit, (until - now).total_seconds())


def _open(circuit: Circuit, still: Q, trouble: str, told: judgement.Told, *, openings: int) -> None:
    wait = judgement.wait(trouble, openings, told.after)
    fields: dict[str, Any] = {
        "trouble": trouble,
        "reason": told.reason,
        "openings": openings,
        "retry_at": Now() + wait,
    }
    _change(circuit, still, state=_State.OPEN, **fields)


def _change(circuit: Circuit, still: Q, *, by: str = "", state: Circuit.State, **fields: Any) -> bool:
    """Change a circuit if it is `still` so; of all processes that want the same one does it, and logs it."""
    reason = str(fields.get("reason", ""))
    with transaction.atomic():
        rows = Circuit.objects.filter(still, pk=circuit.pk)
        changed = rows.update(state=state, changed_at=timezone.now(), changed_by=by, **fields)
        if changed:
            CircuitChange.objects.create(circuit=circuit, state=state, reason=reason, by=by)
    standings.forget()
    if changed:
        logger.warning("%s: %s. %s", circuit, state.label, reason)
    return bool(changed)
