"""An account that was suspended is asked at once and each half minute, and used again when its vendor lets it."""

from datetime import timedelta

import pytest
from django.db.models import F

from delivery.db import clock
from delivery.models import Circuit, ProviderCheck
from delivery.monitoring import readiness
from delivery.routing import circuits
from tests import fakes
from tests.readiness import SES_ACCOUNT, make_ready, ses_account

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
STOPPED = ses_account(SendingEnabled=False)


@pytest.fixture(autouse=True)
def ready(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    make_ready(ses, sendgrid)


def asked_after(seconds: float) -> str:
    """Ask when so many seconds have gone by since the last time; return the state of the circuit then."""
    Circuit.objects.update(changed_at=F("changed_at") - timedelta(minutes=1))
    ProviderCheck.objects.update(asked_at=clock.now() - timedelta(seconds=seconds))
    readiness.check_due()
    return Circuit.objects.get(provider="ses").state


def suspended() -> None:
    circuits.report_account("ses", "It is suspended.", clock.now())


def test_it_is_used_again_half_a_minute_after_its_vendor_lets_it(ses: fakes.FakeVendor) -> None:
    readiness.check_due()
    ses.paths[SES_ACCOUNT] = STOPPED
    suspended()
    readiness.check_due()  # at once
    assert ProviderCheck.objects.get(provider="ses").problems
    with fakes.counted(ses, 0):
        readiness.check_due()
    ses.paths[SES_ACCOUNT] = ses_account()
    assert asked_after(29) == "open"
    assert asked_after(31) == "closed"


def test_a_vendor_that_calls_it_ready_and_refuses_its_mail_is_not_believed() -> None:
    suspended()
    assert [asked_after(31) for _ in range(3)] == ["open"] * 3


def test_what_a_person_took_out_stays_out(ses: fakes.FakeVendor) -> None:
    suspended()
    circuits.take_out("ses", by="ann")
    assert asked_after(700) == "out"


def test_one_that_fails_is_not_asked_earlier_than_it_was(ses: fakes.FakeVendor) -> None:
    fields = {"state": "open", "trouble": "failing", "retry_at": clock.now() + timedelta(minutes=5)}
    readiness.check_due()
    Circuit.objects.create(provider="ses", openings=1, **fields)
    with fakes.counted(ses, 0):
        assert asked_after(31) == "open"
