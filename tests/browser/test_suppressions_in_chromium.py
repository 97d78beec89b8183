"""The pages of suppressions in a real browser, wide and narrow, light and dark."""

from typing import Any

import pytest
from django.urls import reverse

from delivery.db import clock
from delivery.models import Suppression, Team
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from tests.browser.watching import Watched, fits, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/delivery/suppression/"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
HOSTILE = "<script>pwn()</script><img src=x onerror=pwn()>"


@pytest.fixture
def entry() -> Suppression:
    shop = Team.objects.create(name="shop")
    given: dict[str, Any] = {"source": "sendgrid", "at": clock.now()}
    said = "550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking it"
    entries.add(
        [
            Finding(team_id=shop.pk, address="ann@example.org", kind="hard_bounce", reason=said, **given),
            Finding(
                team_id=None, address="b" * 60 + "@example.org", kind="complaint", reason=HOSTILE, **given
            ),
            Finding(
                team_id=shop.pk, address="eve@example.org", kind="unsubscribe", scope="list:news", **given
            ),
        ]
    )
    return Suppression.objects.get(address="ann@example.org")


@pytest.mark.parametrize(
    ("look", "size"),
    [
        pytest.param("dark", PHONE, id="phone-dark"),
        *(
            pytest.param(look, size, id=f"{name}-{look}", marks=pytest.mark.slow)
            for look, name, size in (
                ("light", "phone", PHONE),
                ("light", "desk", DESK),
                ("dark", "desk", DESK),
            )
        ),
    ],
)
def test_an_address_is_found_entered_and_let_go(
    watched: Watched, entry: Suppression, look: str, size: dict[str, int]
) -> None:
    page, name = watched.page, f"suppressions-{look}-{size['width']}"
    page.emulate_media(color_scheme=look)
    page.set_viewport_size(size)
    watched.open(LIST)
    keep(page, f"{name}.png")

    watched.open(f"{LIST}add/")
    page.locator("#id_who").fill("new@example.org")
    page.locator("#id_because").fill("By telephone")
    keep(page, f"{name}-add.png", full_page=True)
    page.locator("[name=_save]").click()
    assert Suppression.objects.filter(address="new@example.org", by="root").exists()

    watched.open(f"{LIST}{entry.pk}/change/")
    keep(page, f"{name}-one.png", full_page=True)
    watched.open(reverse("admin:delivery_suppression_let_go", args=[entry.pk]))
    assert fits(page)
    page.locator("#reason").fill("New mailbox")
    keep(page, f"{name}-let-go.png")
    page.get_by_role("button", name="Let it go").click()
    assert not Suppression.objects.filter(pk=entry.pk).exists()
    assert (watched.ran, watched.outside()) == ([], [])
