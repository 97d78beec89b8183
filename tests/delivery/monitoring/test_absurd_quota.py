"""A stored quota that is no quota breaks no page and no answer."""

from typing import Any

import pytest
from django.test import Client

from delivery.models import ProviderCheck
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]

QUOTAS = [
    *({"limit": 10**400, "used": 1.0, "per": "day"}, {"limit": 1.0, "used": 10**400, "per": "day"}),
    *({"limit": 1e308, "used": -1.0, "per": "day"}, {"limit": "10", "used": "NaN", "per": "day"}),
    *({"limit": None, "used": 1, "per": "day"}, {"limit": 10}, {}, [], "10", 10**400, -5, True),
]


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: repr(quota)[:20])
def test_it_is_not_told(quota: Any, api: fakes.Api, admin_client: Client) -> None:
    ProviderCheck.objects.create(provider="ses", quota=quota)

    page, answer = admin_client.get("/admin/delivery/circuit/"), api.get("providers/")

    assert (page.status_code, answer.status_code) == (200, 200)
    assert "not told" in page.content.decode()
    assert answer.json()["providers"][0]["check"]["quota"] is None
