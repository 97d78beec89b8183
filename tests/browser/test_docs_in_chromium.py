"""The page of the API's document in a real browser: "Try it out" sends what it shows, and it arrives."""

import re
from pathlib import Path
from typing import Any

import pytest

from delivery.models import ApiKey, Email
from tests import fakes
from tests.browser.watching import Watched, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DOCS = fakes.V1 + "docs/"


@pytest.fixture
def operation(watched: Watched, settings: Any, token: str) -> Any:
    """The operation send_email, opened and tried out by somebody with a key."""
    settings.GOMAIL_PROVIDERS = ("here=sandbox",)
    assert ApiKey.objects.count() == 1
    watched.open(DOCS)
    page = watched.page
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.locator(".auth-btn-wrapper .btn-done").click()
    page.locator("#operations-tag-sending").click()
    found = page.locator("#operations-sending-send_email")
    found.locator(".opblock-summary").click()
    found.get_by_role("button", name="Try it out").click()
    return found


def execute(operation: Any) -> None:
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table .response-col_status").first.wait_for()
    keep(operation.page, "docs.png")
    status = operation.locator(".live-responses-table .response-col_status").nth(1).inner_text()
    assert re.match("20[02]", status), operation.locator(".live-responses-table").inner_text()


@pytest.mark.parametrize(
    "kind",
    ["application/json", pytest.param("application/x-www-form-urlencoded", marks=pytest.mark.slow)],
)
def test_what_the_page_shows_is_sent_as_it_is(watched: Watched, operation: Any, kind: str) -> None:
    operation.locator(".opblock-section-request-body .content-type").select_option(kind)
    execute(operation)
    email = Email.objects.get()
    assert email.subject == "Your invoice"
    assert {row.address for row in email.recipients.all()} == {"ann@example.net", "bob@example.net"}
    assert (email.headers, email.metadata) == ({"X-Campaign": "spring"}, {"order": "5"})
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


def test_a_form_with_two_files_is_sent_from_the_page(
    watched: Watched, operation: Any, tmp_path: Path
) -> None:
    operation.locator(".opblock-section-request-body .content-type").select_option("multipart/form-data")
    row = operation.locator(".opblock-section-request-body tr", has_text="attachments").last
    for number, name in enumerate(("Übersicht (1).txt", "b.txt")):
        (tmp_path / name).write_text(name)
        row.get_by_role("button", name="Add string item").click()
        row.locator("input[type=file]").nth(number).set_input_files(tmp_path / name)
    execute(operation)
    email = Email.objects.get()
    assert {row.filename for row in email.attachments.all()} == {"Übersicht (1).txt", "b.txt"}
    assert {row.address for row in email.recipients.all()} == {"ann@example.net", "bob@example.net"}
    assert (email.text_body, email.tags) == ("Hi Ann", ["invoice", "spring"])
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])
