"""People log in, set up a second factor, and end what they left open elsewhere, in a real browser."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User

from delivery.access import members
from delivery.models import Team
from tests.browser.watching import Watched, look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture
def visitor(chromium: Any, live_server: Any) -> Iterator[Watched]:
    """Somebody who is not logged in."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, device_scale_factor=1)
    watched = Watched(context.new_page(), live_server.url)
    watched.page.on("pageerror", lambda error: watched.ran.append(str(error)))
    watched.page.on("console", lambda said: said.type == "error" and watched.ran.append(said.text))
    yield watched
    context.close()


def log_in(watched: Watched, page: Any = None) -> None:
    page = page or watched.page
    page.goto(f"{watched.base}/admin/")
    page.get_by_label("User or address").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def code(secret: str, later: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def test_a_person_sets_up_an_app_and_logs_in_by_its_codes(visitor: Watched) -> None:
    User.objects.create_superuser("anna", "anna@example.org", PASSWORD)
    page = visitor.page
    log_in(visitor)
    page.wait_for_url("**/admin/")
    visitor.open("/accounts/2fa/")
    look(visitor, "login-factors")
    page.get_by_role("link", name="Activate").click()
    page.get_by_label("Password").fill(PASSWORD)
    look(visitor, "login-reauthenticate")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_selector(".gm-qr")
    look(visitor, "login-app")
    secret = page.locator("#authenticator_secret").input_value()
    page.get_by_label("Authenticator code").fill(code(secret, -1))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_selector("text=recovery codes available")
    look(visitor, "login-recovery")
    visitor.open("/accounts/logout/")
    look(visitor, "logout")
    page.get_by_role("button", name="Log out").click()
    log_in(visitor)
    page.wait_for_url("**/2fa/authenticate/**")
    look(visitor, "login-code")
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    assert (visitor.ran, visitor.blocked, visitor.outside()) == ([], [], [])


def test_a_person_ends_a_session_elsewhere(visitor: Watched, chromium: Any) -> None:
    User.objects.create_superuser("anna", "anna@example.org", PASSWORD)
    elsewhere = chromium.new_context(user_agent="A telephone").new_page()
    log_in(visitor, elsewhere)
    elsewhere.wait_for_url("**/admin/")
    log_in(visitor)
    visitor.page.wait_for_url("**/admin/")
    visitor.open("/accounts/sessions/")
    look(visitor, "sessions")
    visitor.page.get_by_role("listitem").filter(has_text="A telephone").get_by_role(
        "button", name="End"
    ).click()
    visitor.page.wait_for_selector("text=The session has ended")
    elsewhere.reload()
    assert "/accounts/login/" in elsewhere.url
    visitor.page.reload()
    assert "/accounts/sessions/" in visitor.page.url
    elsewhere.context.close()
    assert (visitor.ran, visitor.blocked, visitor.outside()) == ([], [], [])


def test_an_invited_person_joins(visitor: Watched) -> None:
    shop = Team.objects.create(name="shop")
    path = members.path(members.invite(shop, "bea@example.org", "viewer", None)[1])
    visitor.open(path)
    look(visitor, "invited")
    page = visitor.page
    page.get_by_label("Name").fill("Bea")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    page.wait_for_url("**/admin/")
    page.wait_for_load_state("networkidle")
    assert (visitor.ran, visitor.blocked, visitor.outside()) == ([], [], [])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/accounts/login/", "login"),
        ("/accounts/password/reset/", "reset"),
        ("/accounts/password/reset/done/", "reset-done"),
        ("/accounts/password/reset/key/1-nonsense/", "reset-stale"),
        ("/accounts/3rdparty/login/cancelled/", "cancelled"),
    ],
)
def test_pages_before_the_login_fit_every_window(visitor: Watched, path: str, name: str) -> None:
    visitor.open(path)
    look(visitor, f"login-{name}")
    assert (visitor.ran, visitor.blocked, visitor.outside()) == ([], [], [])
