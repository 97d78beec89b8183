"""The theme's menus, filters, switches and forms work under a policy without `unsafe-eval`, wide, narrow and dark."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from delivery.access import keys
from delivery.models import ApiKey, Email, Team
from tests.browser import letters
from tests.browser.watching import Watched, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}


@pytest.fixture
def errors(watched: Watched, settings: Any) -> list[str]:
    """Everything that the browser complains of: an expression that Alpine cannot read is among it."""
    settings.GOMAIL_PROVIDERS = ("ses=sandbox", "sendgrid=sandbox")
    found: list[str] = []
    watched.page.on("console", lambda said: said.type in {"error", "warning"} and found.append(said.text))
    watched.page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.slow
def test_every_page_is_read_without_a_complaint(watched: Watched, errors: list[str]) -> None:
    for path in pages():
        watched.open(path)
        watched.page.wait_for_load_state("networkidle")
        assert (path, errors) == (path, [])
        assert watched.page.evaluate("!document.querySelector('html[x-cloak]')"), path

    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


def test_the_theme_is_switched_and_remembered(watched: Watched, errors: list[str]) -> None:
    letters.write(5)
    watched.open("/admin/delivery/email/")
    for name in ("dark", "light"):
        watched.page.locator("#nav-sidebar").get_by_text("root", exact=True).click()
        watched.page.get_by_text(f"{name}_mode", exact=True).first.click()
        watched.page.reload()
        watched.page.wait_for_function(f"document.documentElement.classList.contains('{name}')")
        keep(watched.page, f"theme-{name}.png")
    assert errors == []


def test_the_menu_is_hidden_and_stays_so(watched: Watched, errors: list[str]) -> None:
    watched.open("/admin/delivery/team/")
    menu = watched.page.locator("#nav-sidebar")
    assert menu.is_visible()
    for there in (False, True):
        watched.page.get_by_text("dock_to_right").first.click()
        menu.wait_for(state="visible" if there else "hidden")
        watched.page.reload()
        menu.wait_for(state="visible" if there else "hidden")
    assert errors == []


def test_the_menu_opens_on_a_phone(watched: Watched, errors: list[str]) -> None:
    watched.page.set_viewport_size(PHONE)
    watched.open("/admin/delivery/team/")
    menu = watched.page.locator("#nav-sidebar")
    assert not menu.is_visible()
    watched.page.get_by_text("dock_to_right").last.click()
    menu.wait_for(state="visible")
    keep(watched.page, "phone-menu.png")
    watched.page.get_by_role("link", name="Emails").click()
    watched.page.wait_for_url("**/delivery/email/")
    assert errors == []


@pytest.mark.parametrize("size", [pytest.param(DESK, marks=pytest.mark.slow), PHONE], ids=["desk", "phone"])
def test_the_log_is_filtered(watched: Watched, errors: list[str], size: dict[str, int]) -> None:
    letters.write(30)
    watched.page.set_viewport_size(size)
    watched.open("/admin/delivery/email/")
    box = watched.page.locator("#changelist-filter")
    button = watched.page.get_by_text("Filters").first
    button.click()
    box.wait_for(state="visible")
    keep(watched.page, f"filters-{size['width']}.png")
    watched.page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    button.click()
    box.locator("select[name=status__exact]").select_option("failed", force=True)
    box.get_by_role("button", name="Apply Filters").click()
    watched.page.wait_for_url("**status__exact=failed**")
    assert errors == []


def test_a_row_has_its_actions(watched: Watched, errors: list[str]) -> None:
    keys.issue("shop", scopes=["send"])
    watched.open("/admin/delivery/apikey/")
    revoke = watched.page.get_by_role("link", name="Revoke…")
    assert not revoke.is_visible()
    watched.page.get_by_text("more_horiz").click()
    revoke.wait_for(state="visible")
    keep(watched.page, "row-actions.png")
    revoke.click()
    watched.page.get_by_role("button", name="Revoke it").click()
    watched.page.wait_for_selector("text=is revoked")
    assert errors == []


def test_the_slash_finds_the_search(watched: Watched, errors: list[str]) -> None:
    watched.open("/admin/delivery/email/")
    watched.page.wait_for_load_state("networkidle")
    watched.page.keyboard.press("/")
    assert watched.page.evaluate("document.activeElement.name") == "q"
    assert errors == []


def test_pages_of_a_list_are_turned(watched: Watched, errors: list[str]) -> None:
    Team.objects.bulk_create(Team(name=f"team {number:03}") for number in range(120))
    watched.open("/admin/delivery/team/")
    watched.page.get_by_role("link", name="2", exact=True).click()
    watched.page.wait_for_url("**p=2")
    assert errors == []


def test_an_action_on_rows_is_asked_and_done(watched: Watched, errors: list[str]) -> None:
    User.objects.create_user("colleague")
    watched.open("/admin/auth/user/?q=colleague")
    watched.page.locator("input.action-select").first.check()
    watched.page.locator("select[name=action]").select_option("delete_selected")
    keep(watched.page, "actions.png")
    watched.page.get_by_role("button", name="Run").first.click()
    watched.page.get_by_role("button", name="Yes").click()
    watched.page.wait_for_selector("text=Successfully deleted 1 user")
    assert (User.objects.filter(username="colleague").exists(), errors) == (False, [])


def pages() -> list[str]:
    """Name one of each kind of page."""
    email = letters.write(30)
    key, _ = keys.issue("shop", scopes=["read"])
    user = User.objects.create_user("colleague", is_staff=True)
    team = Team.objects.earliest("pk")
    lists = ["delivery/email", "delivery/apikey", "delivery/team", "auth/user"]
    of_rows = {
        f"delivery/email/{email.pk}": ("change", "history"),
        f"delivery/apikey/{ApiKey.objects.get(pk=key.pk).pk}": ("change", "revoke"),
        f"delivery/team/{team.pk}": ("change", "history"),
        f"auth/user/{user.pk}": ("change", "password", "delete", "history"),
    }
    return [
        *("/admin/", "/admin/delivery/", "/admin/delivery/circuit/", "/admin/password_change/"),
        *(f"/admin/{name}/" for name in lists),
        *(f"/admin/{name}/add/" for name in lists[1:]),
        *(f"/admin/{row}/{view}/" for row, views in of_rows.items() for view in views),
        "/admin/auth/user/add/?_popup=1",
    ]


def test_a_phone_shows_what_was_answered(watched: Watched, errors: list[str]) -> None:
    letters.write(5)
    email = Email.objects.filter(status="sent").latest("pk")
    watched.page.set_viewport_size(PHONE)
    watched.open(f"/admin/delivery/email/{email.pk}/change/")
    keep(watched.page, "email-phone.png")
    assert watched.page.locator("td.gm-answer").count() > 1
    hidden = "all => all.map(each => each.scrollWidth - each.clientWidth)"
    assert watched.page.locator(".gm-scroll:has(.gm-answers)").evaluate_all(hidden) == [0, 0]
    assert errors == []
