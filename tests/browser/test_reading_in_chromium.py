"""What people read without logging in, everybody can use: unsubscribe pages and documents, by axe."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.content import links
from tests.browser.accessible import faults
from tests.browser.watching import fits, keep
from tests.delivery.factories import written
from tests.paths import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Of the site, one page of each make: the first, and one of steps and code.
PAGES = ("index.html", "runbook.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    variables = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, check=True)
    return folder


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.slow)])
def page(request: pytest.FixtureRequest, chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(color_scheme=request.param, reduced_motion="reduce")
    opened = context.new_page()
    opened.look = request.param
    yield opened
    context.close()


def looked_at(page: Any, address: str, name: str) -> list[str]:
    """Return what is wrong with a page on a desk and on a phone."""
    found = []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        keep(page, f"{name}-{width}-{page.look}.png")
        found += [f"{name} at {width}: {fault}" for fault in faults(page)]
        if not fits(page):
            found.append(f"{name} at {width}: wider than the window")
    return found


@pytest.mark.parametrize("what", ["ask", "done", "broken"])
def test_everybody_can_unsubscribe(page: Any, settings: Any, live_server: Any, what: str) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.org", ("k" * 32,)
    email = written(unsubscribe="list:Spring offers", from_name="The Shop")
    link = links.url(email.pk).replace("https://mail.example.org", live_server.url)
    if what != "done":
        assert looked_at(page, link if what == "ask" else f"{link}x", what) == []
        return
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(link)
        page.get_by_role("button", name="Unsubscribe").click()
        page.get_by_role("heading", name="You are unsubscribed").wait_for()
        assert faults(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_read_the_documents(page: Any, site: Path, name: str) -> None:
    assert looked_at(page, (site / name).as_uri(), name) == []
