"""A real Chromium, looking at a real server."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.browser.watching import Listener, Watched

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Which process draws a preview is nothing that is tested; a process of its own for each costs half of the time.
    "--disable-features=IsolateSandboxedIframes",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Chromium; the machine must have one where nothing may be left out."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"NO BROWSER: none of {', '.join(NAMES)} is installed, so the admin was NOT looked at in a real one."
        (pytest.fail if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the ORM is still called by nobody but us.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.socket.close()


@pytest.fixture
def watched(chromium: Any, live_server: Any) -> Iterator[Watched]:
    """A page of somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, device_scale_factor=1)
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    context.add_cookies([session])
    seen = Watched(context.new_page(), live_server.url)
    yield seen
    context.close()
    assert seen.broken == [], "a script of the page has failed"
