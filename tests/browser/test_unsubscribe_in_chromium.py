"""The page of an unsubscribe link in a real browser, without JavaScript, light and dark, wide and narrow."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from delivery.content import links
from delivery.models import Email, Suppression
from tests.browser.watching import keep
from tests.delivery.factories import written

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def link(settings: Any, live_server: Any) -> str:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.org", ("k" * 32,)
    email: Email = written(unsubscribe="list:Spring <b>offers</b>", from_name="The <i>Shop</i>")
    return links.url(email.pk).replace("https://mail.example.org", live_server.url)


@pytest.fixture(params=["light", "dark"])
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[1280, 360])
def page(request: pytest.FixtureRequest, chromium: Any, look: str) -> Iterator[Any]:
    context = chromium.new_context(
        viewport={"width": request.param, "height": 700}, color_scheme=look, java_script_enabled=False
    )
    yield context.new_page()
    context.close()


def test_a_reader_unsubscribes_with_one_button(link: str, page: Any, look: str) -> None:
    page.goto(link)
    keep(page, f"unsubscribe-{look}-{page.viewport_size['width']}.png")
    assert "Spring <b>offers</b>" in page.locator("main").inner_text()
    assert page.locator("button").bounding_box()["height"] >= 44
    width = page.locator("main").bounding_box()["width"]
    assert width <= page.viewport_size["width"]
    assert not Suppression.objects.exists()

    page.get_by_role("button").click()
    keep(page, f"unsubscribed-{look}-{page.viewport_size['width']}.png")
    expect(page.locator("h1")).to_have_text("You are unsubscribed")
    assert Suppression.objects.get().scope == "list:Spring <b>offers</b>"


def test_a_broken_link_says_what_to_do(link: str, page: Any, look: str) -> None:
    answer = page.goto(link[:-1])
    assert answer.status == 404
    assert page.locator("h1").inner_text() == "This link does not work"
