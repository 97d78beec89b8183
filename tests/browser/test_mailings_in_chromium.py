"""A mailing in a real browser: written, checked, tested, started, and looked at."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from delivery.library import templates
from delivery.models import Contact, Email, Group, Mailing, MailingRecipient
from tests.browser.watching import Watched, keep, look
from tests.delivery.mailings import mailed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/delivery/mailing/"
HOSTILE = "<img src=x onerror=pwn()>"
HTML = "<h1>Hi {{ contact.first_name }}</h1><p>News of June</p>"


@pytest.fixture
def readers(settings: Any) -> Group:
    """Return three people, one of whom lacks a first name and has a hostile one else."""
    settings.GOMAIL_PROVIDERS = ("sandbox",)
    group = mailed.group(2)
    mailed.person(group, "nameless@example.com", last_name=HOSTILE)
    return group


def path(mailing: Mailing, word: str = "change") -> str:
    return f"{LIST}{mailing.pk}/{word}/"


def frame(watched: Watched) -> Any:
    return watched.page.frame_locator("iframe[title='The email']")


def test_a_mailing_is_written_checked_tested_and_started(watched: Watched, readers: Group) -> None:
    page = watched.page
    watched.open(LIST)
    look(watched, "mailings-none")
    page.get_by_role("link", name="Make the mailing").click()

    page.fill("[name=name]", "June")
    page.select_option("[name=group]", label="readers (without a team)")
    page.fill("[name=subject]", "June for {{ contact.first_name }}")
    page.fill("[name=html]", HTML)
    frame(watched).get_by_text("Hi P1").wait_for()
    page.get_by_role("button", name="Phone").click()
    assert page.locator(".gm-frame").bounding_box()["width"] <= 375
    page.fill("[name=domain_rates]", "gmail.com")
    page.get_by_role("button", name="Keep it as a draft").click()
    page.get_by_text("write gmail.com: 5").wait_for()
    keep(page, "mailing-form-refused.png", full_page=True)
    page.fill("[name=domain_rates]", "gmail.com: 5")
    page.get_by_role("button", name="Keep it as a draft").click()

    page.get_by_text("Check it next:").wait_for()
    page.get_by_role("link", name="Change").click()
    frame(watched).get_by_text("Hi P1").wait_for()
    look(watched, "mailing-form")
    page.get_by_role("link", name="Leave it").click()
    look(watched, "mailing-draft")
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("Checked and ready to be sent to 3 people").wait_for()
    assert "contact.first_name for 1" in page.locator(".gm-main").inner_text()
    look(watched, "mailing-checked")

    page.get_by_role("link", name="Preview and test").click()
    frame(watched).get_by_text("Hi P1").wait_for()
    look(watched, "mailing-try")
    page.fill("[name=contact]", "p2@example.com")
    frame(watched).get_by_text("Hi P2").wait_for()
    page.fill("[name=to]", "me@example.org, you@example.org")
    page.get_by_role("button", name="Send the test").click()
    page.get_by_text("on its way to 2 people").wait_for()
    assert set(Email.objects.values_list("subject", "mailing")) == {("[Test] June for P2", None)}
    page.get_by_role("link", name="Back to the mailing").click()

    page.get_by_role("link", name="Start…").click()
    look(watched, "mailing-start")
    page.get_by_role("button", name="Send to 3 people").click()
    page.get_by_text("It is being sent to 3 people").wait_for()
    assert (Mailing.objects.get().state, Mailing.objects.get().by) == ("sending", "root")
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])


def test_a_running_mailing_is_followed_without_reading_the_page_anew(
    watched: Watched, readers: Group
) -> None:
    page, mailing = watched.page, mailed.started(readers, name=HOSTILE)
    rows = MailingRecipient.objects.filter(mailing=mailing)
    watched.open(path(mailing))
    page.evaluate("window.same = true")
    rows.filter(address="p1@example.com").update(state="sent", provider="sandbox", at=timezone.now())
    page.get_by_text("1 of 3 people so far").wait_for()
    assert page.evaluate("window.same")
    rows.filter(address="p2@example.com").update(state="failed", reason="render: no name", at=timezone.now())
    Mailing.objects.update(pace=2.5)
    page.get_by_text("2.5 a second").wait_for()
    look(watched, "mailing-sending")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused by root.").wait_for()
    look(watched, "mailing-paused")
    watched.open(LIST)
    look(watched, "mailings")
    watched.open(path(mailing))
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("It goes on").wait_for()
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_text("This cannot be undone").wait_for()
    look(watched, "mailing-cancel")
    page.get_by_role("button", name="Cancel it").click()
    page.get_by_text("Cancelled: nothing more of it is sent. 1 of 3 people").first.wait_for()
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])


def test_who_got_what_is_found_and_downloaded(watched: Watched, readers: Group) -> None:
    page, mailing = watched.page, mailed.started(readers)
    rows = MailingRecipient.objects.filter(mailing=mailing)
    rows.update(state="failed", reason=f"render: {HOSTILE}", at=timezone.now())
    rows.filter(address="p1@example.com").update(state="sent", reason="", provider="sandbox")
    Mailing.objects.update(state="done", finished_at=timezone.now())
    watched.open(path(mailing))
    page.get_by_role("link", name="2 failed").click()
    expect(page.locator("#recipients tbody tr")).to_have_count(2)
    page.fill("[name=q]", "NAMELESS@")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#recipients tbody tr")).to_have_count(1)
    look(watched, "mailing-done")
    with page.expect_download() as download:
        page.get_by_role("link", name="Failed as CSV").click()
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert lines[0] == "email;state;reason;provider;possible_duplicate;at"
    assert len(lines) == 3
    watched.open(f"/admin/delivery/contact/{Contact.objects.get(first_name='P1').pk}/change/")
    look(watched, "contact-with-mailings")
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])


def test_a_time_is_asked_for_and_told_in_the_readers_zone(
    chromium: Any, watched: Watched, readers: Group
) -> None:
    template = templates.create(None, name="Monthly", slug="monthly")
    templates.publish(templates.add_version(template, subject="x", html="<p>x</p>"))
    context = chromium.new_context(
        timezone_id="Asia/Tokyo", storage_state=watched.page.context.storage_state()
    )
    page = context.new_page()
    page.goto(f"{watched.base}{LIST}add/")
    page.get_by_text("(Asia/Tokyo)").first.wait_for()
    page.fill("[name=name]", "Later")
    page.select_option("[name=group]", label="readers (without a team)")
    page.select_option("[name=template]", label="Monthly (without a team)")
    assert not page.locator("[name=subject]").is_visible()
    day = timezone.now().date() + timedelta(days=30)
    page.fill("[name=send_at]", f"{day}T08:00")
    page.get_by_role("button", name="Keep it as a draft").click()
    page.get_by_text(f"{day:%-d %b %Y}, 08:00 (Asia/Tokyo)").wait_for()
    made = Mailing.objects.get()
    assert str(made.send_at) == f"{day - timedelta(days=1)} 23:00:00+00:00"
    page.goto(f"{watched.base}{path(made, 'edit')}")
    page.get_by_text("(Asia/Tokyo)").first.wait_for()
    assert page.locator("[name=send_at]").input_value() == f"{day}T08:00"
    context.close()
