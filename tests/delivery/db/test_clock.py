"""Every moment that the database compares is made by its clock, however wrong this machine's is."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models.functions import Now

from delivery import bundles
from delivery.db import clock, ids
from delivery.models import Circuit, CircuitChange, Email, IdempotencyKey, ProviderCheck, Team
from delivery.models.email import LEASE
from delivery.monitoring import readiness
from delivery.queue import claims, clock_jumps, leases
from delivery.queue.watermark_notes import Mark
from delivery.recovery import rescue
from delivery.routing import circuits, gate, policy
from delivery.sending import attempts, outcomes, unknown
from delivery.submission import changes, emails, idempotency
from providers.errors import Throttled, Unavailable
from tests.delivery.factories import draft, queued, under_way

pytestmark = pytest.mark.django_db
OFF = (600, -600, 86_400, -86_400)  # seconds by which this machine's clock is wrong
NEAR = timedelta(seconds=2)


@pytest.fixture(autouse=True)
def _no_jump() -> Iterator[None]:
    yield
    clock._jumped_at.clear()
    clock._readings.clear()
    clock._corrections.clear()


@pytest.fixture(params=OFF)
def off(request: pytest.FixtureRequest) -> Iterator[float]:
    """Let this process's clock be wrong; the database's is not."""
    with time_machine.travel(datetime.now().astimezone() + timedelta(seconds=request.param), tick=True):
        clock.measure()
        yield request.param


def database_now() -> datetime:
    Team.objects.get_or_create(name="clock")
    return Team.objects.annotate(now=Now()).values_list("now", flat=True)[0]  # type: ignore[no-any-return]


def made(outcome: outcomes.Outcome) -> datetime:
    assert outcome.due_at
    return outcome.due_at


def id_time(pk: Any) -> datetime:
    return datetime.fromtimestamp((pk.int >> 80) / 1000).astimezone()


def paused() -> datetime:
    circuits._pause("ses", 60.0)
    until = Circuit.objects.get().paused_until
    assert until
    return until - timedelta(seconds=60)


def changed() -> datetime:
    circuits.take_out("ses", by="anna")
    return CircuitChange.objects.get().at


def bound() -> datetime:
    use = idempotency.use("key", None, subject="Hello")
    emails.accept(draft(), team=None, key_use=use)
    return IdempotencyKey.objects.get().created_at


def asked() -> datetime:
    readiness.take_turn("ses", timedelta(minutes=10))
    return ProviderCheck.objects.get().asked_at


def cancelled() -> datetime:
    email = queued()
    changes.cancel(email)
    assert email.finished_at
    return email.finished_at


def denied() -> datetime:
    attempt = under_way(status="unknown", outcome="unknown")
    unknown.deny(attempt.email, by="anna")
    attempt.email.refresh_from_db()
    return attempt.email.expires_at - timedelta(hours=24)


def expired() -> datetime:
    email = queued(expires_at=database_now() - timedelta(hours=1))
    rescue.expire(email)
    email.refresh_from_db()
    assert email.finished_at
    return email.finished_at


MOMENTS: dict[str, Callable[[], datetime | None]] = {
    "created_at": lambda: bundles.waiting(draft(), None).email.created_at,
    "due_at": lambda: bundles.waiting(draft(), None).email.due_at,
    "expires_at": lambda: bundles.waiting(draft(expires_in=60), None).email.expires_at - timedelta(minutes=1),
    "expires_at of a row": lambda: Email().expires_at - timedelta(hours=24),
    "id of an email": lambda: id_time(bundles.waiting(draft(), None).email.pk),
    "id of an attempt": lambda: id_time(ids.uuid7()),
    "started_at": lambda: attempts._started(queued(), fakes_provider()).started_at,
    "due at once": lambda: made(outcomes.at_once("")),
    "due after a round": lambda: made(outcomes.wait("", rounds=1, at_least=60)) - timedelta(minutes=1),
    "end of the hold": lambda: unknown.resend_at(queued()),
    "outcome": lambda: outcomes.failed("").at,
    "pause": paused,
    "change of a circuit": changed,
    "idempotency key": bound,
    "turn of a check": asked,
    "cancelled": cancelled,
    "new deadline": denied,
    "expired": expired,
}


def fakes_provider() -> Any:
    class Ses:
        name = "ses"

    return Ses()


@pytest.mark.parametrize("name", MOMENTS)
def test_a_moment_is_the_databases(name: str, off: float, settings: Any) -> None:
    settings.GOMAIL_HOLD_SECONDS = 0
    moment = MOMENTS[name]()
    assert moment
    leeway = timedelta(seconds=6) if name == "due after a round" else NEAR  # a round waits 5 s at most
    assert abs(moment - database_now()) < leeway


def test_what_is_accepted_now_is_due_now_and_can_be_claimed(off: float) -> None:
    email = emails.accept(draft(), team=None)
    assert (email.status, claims.take(email.pk) is not None) == ("queued", True)


def test_what_is_for_later_is_for_later(off: float) -> None:
    email = emails.accept(draft(send_at=database_now() + timedelta(minutes=5)), team=None)
    assert email.status == "scheduled"
    assert claims.take(email.pk) is None


def test_a_time_that_has_passed_is_now(off: float) -> None:
    assert not draft(send_at=database_now() - timedelta(seconds=1)).is_for_later(clock.now())
    assert draft(send_at=database_now() + timedelta(minutes=1)).is_for_later(clock.now())
    with pytest.raises(changes.TooLate):
        changes.reschedule(queued(), database_now())


def test_a_pause_lets_nothing_through_before_its_end_and_everything_after_it(off: float) -> None:
    now = database_now()
    held = Circuit(provider="ses", paused_until=now + timedelta(seconds=30))
    over = Circuit(provider="ses", paused_until=now - timedelta(seconds=1))
    assert policy.shut(held, clock.now())
    assert not policy.shut(over, clock.now())


def test_a_provider_that_asks_for_a_pause_is_left_alone_and_used_again(off: float) -> None:
    attempt = under_way()
    attempt.latency_ms = 5
    circuits.learn(attempt, Throttled("slow down", retry_after=30), sender="", probe=None)
    assert not gate.outlook("ses", "example.org").lets_through

    Circuit.objects.update(paused_until=database_now() - timedelta(seconds=1))
    from delivery.routing import circuit_cache

    circuit_cache.forget()
    assert gate.outlook("ses", "example.org").lets_through


def test_five_failures_in_a_row_open_a_circuit(off: float) -> None:
    failure = Unavailable("no")
    for _ in range(5):
        attempt = under_way(outcome="refused_temporarily")
        attempt.error, attempt.latency_ms = failure.kind, 5
        attempt.save()
        circuits.learn(attempt, failure, sender="", probe=None)
    assert Circuit.objects.get().state == "open"


def test_health_and_doctor_say_how_wrong_it_is(off: float) -> None:
    assert abs(clock.ahead() - off) < 1
    clock.measure()
    assert abs(clock.ahead() - off) < 1


def test_a_clock_that_is_right_is_not_corrected() -> None:
    clock.measure()
    assert abs(clock.ahead()) < 1
    assert abs(clock.now() - database_now()) < NEAR


def jump(seconds: float) -> None:
    """Let the database's clock have been set by so much since it was read last."""
    clock.measure()
    last = clock._readings[connection.alias]
    clock._readings[connection.alias] = clock._Reading(
        database=last.database - int(seconds * 1e9), monotonic=last.monotonic
    )
    clock.measure()


@pytest.mark.parametrize("seconds", [600, -600, 6, -6, 3e7])
def test_a_jump_ends_no_living_claim(seconds: float, caplog: Any) -> None:
    attempt = under_way(lease_until=database_now() + LEASE - timedelta(seconds=seconds))
    jump(seconds)
    assert "The database's clock was set" in caplog.text

    rescue.run()

    attempt.email.refresh_from_db()
    assert attempt.email.status == "sending"


@pytest.mark.parametrize("seconds", [600, -600])
def test_its_owner_holds_a_claim_on_that_looks_over(seconds: float, monkeypatch: Any) -> None:
    from delivery import process

    email = queued()
    bundle = claims.take(email.pk)
    assert bundle
    Email.objects.update(lease_until=database_now() + LEASE - timedelta(seconds=seconds))
    clock.measure()
    last = clock._readings[connection.alias]
    clock._readings[connection.alias] = clock._Reading(
        database=last.database - int(seconds * 1e9), monotonic=last.monotonic
    )
    attempts._hold(bundle.email)  # which notices the jump by itself
    Email.objects.update(lease_until=database_now() + LEASE - timedelta(seconds=seconds))
    assert bundle.email.worker == process.identity()

    with leases.kept(email.pk):
        assert leases.renew() == 1
    attempts._hold(bundle.email)

    email.refresh_from_db()
    assert email.lease_until
    assert timedelta() < email.lease_until - database_now() <= LEASE


@pytest.mark.parametrize("seconds", [600, -600])
def test_who_has_gone_is_rescued_a_lease_later(seconds: float) -> None:
    attempt = under_way(lease_until=database_now() + LEASE - timedelta(seconds=seconds))
    jump(seconds)
    clock.jumped(seconds_before=LEASE.total_seconds() + 1)

    rescue.run()

    attempt.email.refresh_from_db()
    assert attempt.email.status == "unknown"


@pytest.mark.parametrize("seconds", [1, -1, 0])
def test_a_small_correction_is_no_jump(seconds: float) -> None:
    jump(seconds)
    assert not clock.has_jumped(within=LEASE)


def test_a_process_that_starts_learns_of_a_jump_from_those_before() -> None:
    seen = clock_jumps.noticed(Mark())
    assert not clock.has_jumped(within=LEASE)

    told = clock_jumps.noticed(Mark(boot=seen.boot, offset=seen.offset - 600))
    assert clock.has_jumped(within=LEASE)
    clock._jumped_at.clear()

    clock_jumps.noticed(told)
    assert clock.has_jumped(within=LEASE)
    clock._jumped_at.clear()

    clock_jumps.noticed(Mark(boot="another", offset=seen.offset - 600))
    assert not clock.has_jumped(within=LEASE)


def test_to_tell_the_time_costs_no_statement(django_assert_num_queries: Any) -> None:
    clock.measure()
    with django_assert_num_queries(0):
        clock.now(), ids.uuid7()
