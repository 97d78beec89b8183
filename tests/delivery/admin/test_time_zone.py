"""The admin shows and reads times in TIME_ZONE; the API, exports and what is stored are in UTC."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from delivery.models import Email
from tests import fakes
from tests.delivery import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _zone(settings: Any) -> None:
    settings.PEOPLES_TIME_ZONE = "Asia/Kolkata"


def test_a_page_shows_the_time_with_its_zone(admin_client: Client) -> None:
    email = factories.queued()
    Email.objects.filter(pk=email.pk).update(created_at=NOON)
    page = admin_client.get(f"/admin/delivery/email/{email.pk}/change/").content.decode()
    assert "01 Jul 2026 17:30:00 IST" in page


def test_a_time_that_is_typed_is_read_in_the_zone(admin_client: Client) -> None:
    email = factories.queued(status="scheduled")
    path = f"/admin/delivery/email/{email.pk}/reschedule/"
    assert "In the time zone Asia/Kolkata." in admin_client.get(path).content.decode()
    year = datetime.now(UTC).year + 1
    day = datetime.now(UTC).replace(year=year, month=1, day=1)
    admin_client.post(path, {"at": f"{day:%Y-%m-%d}T05:30"})
    email.refresh_from_db()
    assert email.due_at == day.replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("day", ["1970-01-01", "0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_no_day_is_too_far_away(admin_client: Client, settings: Any, zone: str, day: str) -> None:
    settings.PEOPLES_TIME_ZONE = zone
    factories.queued()
    path = f"/admin/delivery/email/?created_at_from={day}&created_at_to={day}"
    assert admin_client.get(path).status_code == 200


def test_the_api_is_in_utc(api: fakes.Api) -> None:
    api.client.get("/admin/")  # the zone of a page is no other request's
    row = api.send().json()
    assert api.get(f"emails/{row['id']}/").json()["created_at"].endswith("Z")
