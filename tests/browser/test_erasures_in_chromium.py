"""The pages of erasures in a real browser, wide and narrow, light and dark."""

from typing import Any

import pytest
from django.urls import reverse

from delivery.models import Erasure
from tests.browser.watching import Watched, fits, keep
from tests.delivery.factories import written

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/delivery/erasure/"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
WHO = "zenobia.of.palmyra@canary.example"


@pytest.mark.parametrize(("look", "size"), [("light", DESK), ("dark", PHONE)])
def test_a_person_is_forgotten(watched: Watched, settings: Any, look: str, size: dict[str, int]) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ("k" * 32,)
    written(to=(WHO,), status="sent")
    page, name = watched.page, f"erasures-{look}-{size['width']}"
    page.emulate_media(color_scheme=look)
    page.set_viewport_size(size)
    watched.open(reverse("admin:delivery_erasure_forget"))
    page.locator("#id_who").fill(WHO)
    keep(page, f"{name}-ask.png")
    page.get_by_role("button", name="Look").click()
    page.locator("#again").fill(WHO)
    keep(page, f"{name}-sure.png")
    assert fits(page)
    page.get_by_role("button", name="Forget this person").click()
    page.get_by_text("Forgotten: ").first.wait_for()
    keep(page, f"{name}-one.png", full_page=True)
    assert Erasure.objects.get().state == "done"
    watched.open(LIST)
    keep(page, f"{name}.png")
