"""The quotas of vendors: asked for once a minute by one process, and shown with a forecast."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from delivery.models import ProviderQuota
from delivery.monitoring import quotas
from delivery.routing import quotas as rows
from delivery.workers import loop
from tests import fakes
from tests.delivery.access.crowds import at_once
from tests.providers.fault_server import answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
ACCOUNT = "/v2/email/account"


@pytest.fixture(autouse=True)
def account(ses: fakes.FakeVendor) -> fakes.FakeVendor:
    tell(ses)
    return ses


def tell(ses: fakes.FakeVendor, **told: Any) -> None:
    sending = {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 100.0, **told}
    ses.paths[ACCOUNT] = answer(200, {"SendingEnabled": True, "SendQuota": sending})


def asked(ses: fakes.FakeVendor) -> int:
    return sum(request.path == ACCOUNT for request in ses.received)


def aged(**fields: timedelta) -> None:
    row = ProviderQuota.objects.get()
    ProviderQuota.objects.update(**{name: timezone.now() - age for name, age in fields.items()})
    assert row


def test_it_is_kept_as_the_vendor_tells_it() -> None:
    quotas.refresh_due()
    row = ProviderQuota.objects.get()
    assert (row.provider, row.per_second, row.day, row.used) == ("ses", 14.0, 50_000, 100)
    assert 14 * rows.SHARE * row.every == pytest.approx(1e9)


def test_it_is_asked_for_once_a_minute(ses: fakes.FakeVendor) -> None:
    quotas.refresh_due()
    quotas.refresh_due()
    assert asked(ses) == 1
    aged(asked_at=timedelta(seconds=61))
    quotas.refresh_due()
    assert asked(ses) == 2


def test_after_a_throttle_it_is_asked_for_sooner(ses: fakes.FakeVendor) -> None:
    quotas.refresh_due()
    aged(asked_at=timedelta(seconds=10), throttled_at=timedelta(seconds=8))
    quotas.refresh_due()
    quotas.refresh_due()
    assert asked(ses) == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_one_asks(ses: fakes.FakeVendor) -> None:
    at_once(lambda _: quotas.refresh_due(), 8)
    assert asked(ses) == 1


def test_a_vendor_that_does_not_answer_leaves_what_it_has_told(ses: fakes.FakeVendor) -> None:
    quotas.refresh_due()
    for answered in (answer(500, "<html>"), answer(403, {"message": "no"}), answer(200, {})):
        ses.paths[ACCOUNT] = answered
        aged(asked_at=timedelta(seconds=61))
        quotas.refresh_due()
    assert ProviderQuota.objects.get().per_second == 14.0


def test_what_was_sent_since_is_added_once() -> None:
    quotas.refresh_due()
    ProviderQuota.objects.update(taken=40)
    found = quotas.of("ses")
    assert found
    assert found.used == 140
    aged(asked_at=timedelta(seconds=61))
    quotas.refresh_due()
    again = quotas.of("ses")
    assert again
    assert again.used == 100


def test_a_day_that_its_pace_cannot_bear_is_said_to_end(ses: fakes.FakeVendor) -> None:
    tell(ses, SentLast24Hours=44_000.0)
    quotas.refresh_due()
    ProviderQuota.objects.update(pace=1.0)
    found = quotas.of("ses")
    assert found
    assert found.next_takes_over_at
    assert found.used_up_at
    assert round((found.used_up_at - found.next_takes_over_at).total_seconds()) == found.kept_for_high == 5000


def test_a_pace_that_a_day_can_bear_ends_never() -> None:
    quotas.refresh_due()
    ProviderQuota.objects.update(pace=0.1)
    found = quotas.of("ses")
    assert found
    assert (found.next_takes_over_at, found.used_up_at) == (None, None)


def test_the_pace_is_that_of_the_last_minutes() -> None:
    quotas.refresh_due()
    ProviderQuota.objects.update(taken=600, told_at=timezone.now() - timedelta(seconds=60))
    aged(asked_at=timedelta(seconds=61))
    quotas.refresh_due()
    assert ProviderQuota.objects.get().pace == pytest.approx(2.0, rel=0.2)


def test_the_api_shows_it(api: fakes.Api) -> None:
    quotas.refresh_due()
    ses, sendgrid = api.get("providers/").json()["providers"]
    assert sendgrid["pace"] is None
    assert {name: ses["pace"][name] for name in ("per_second", "day", "used", "kept_for_high")} == {
        "per_second": 14.0,
        "day": 50_000,
        "used": 100,
        "kept_for_high": 5000,
    }


def test_the_command_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    quotas.refresh_due()
    with pytest.raises(SystemExit):
        call_command("check_providers")
    said = capsys.readouterr().out
    assert "pace     14 recipients a second at most" in said
    assert "pace     100 of 50,000 recipients of the day are used; the last 5,000 are kept" in said


@pytest.mark.django_db(transaction=True)
def test_workers_ask_for_it(ses: fakes.FakeVendor) -> None:
    loop.ask_vendors()
    assert ProviderQuota.objects.get().told_at


@pytest.mark.django_db(transaction=True)
def test_a_worker_asks_whoever_has_never_told_before_it_sends(ses: fakes.FakeVendor) -> None:
    quotas.ask_first()
    quotas.ask_first()
    assert ProviderQuota.objects.get().per_second == 14.0
    assert asked(ses) == 1


def test_it_is_asked_for_though_the_clock_was_set_back(ses: fakes.FakeVendor) -> None:
    """Else the day that was used up would stay so for as long as the clock was set back."""
    quotas.refresh_due()
    aged(asked_at=timedelta(hours=-3))
    quotas.refresh_due()
    assert asked(ses) == 2
