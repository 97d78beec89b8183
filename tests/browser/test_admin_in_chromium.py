"""The admin in a real browser: 200 emails full of scripts run nothing and reach nobody, and the pages look right."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction

from delivery.access import keys
from delivery.db import ids
from delivery.models import ApiKey, Attachment, Attempt, Email, Incident, Recipient, Team
from tests.browser import letters, payloads
from tests.browser.watching import Listener, Watched, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/delivery/email/"
COUNT = 200
BATCH = range(4)
FRAMES = """paths => Promise.all(paths.map(path => new Promise(done => {
    const frame = document.createElement("iframe")
    frame.sandbox = ""
    frame.src = path
    frame.onload = () => done(1)
    document.body.append(frame)
}))).then(frames => frames.length)"""


def test_payloads_are_many_and_different() -> None:
    assert len(set(payloads.ALL)) == len(payloads.ALL) >= 150


def test_what_runs_is_noticed(watched: Watched, elsewhere: Listener) -> None:
    watched.page.goto("about:blank")
    watched.page.set_content(f"<img src=x onerror=pwn()><img src=http://{elsewhere.host}/>")
    watched.page.wait_for_timeout(300)

    assert watched.ran
    assert elsewhere.visits
    assert [url for url in watched.outside() if elsewhere.host in url]


@pytest.mark.slow
def test_nothing_written_into_an_email_runs_in_the_admin(watched: Watched, elsewhere: Listener) -> None:
    emails = log_of_payloads(elsewhere.host)

    for number in range(1, COUNT // 50 + 1):
        watched.open(f"{LIST}?p={number}")
    assert watched.page.locator("#result_list tbody").count() == 50
    for email in emails[:: len(BATCH)]:
        watched.open(f"{LIST}{email.pk}/change/")
    for path in (
        "/admin/",
        "/admin/delivery/apikey/",
        "/admin/delivery/team/",
        f"{LIST}{emails[0].pk}/history/",
    ):
        watched.open(path)

    watched.settle()
    assert (watched.ran, watched.outside(), elsewhere.visits) == ([], [], 0)
    # Not only stopped by the policy: outside of the previews there was nothing to stop.
    assert [line for line in watched.blocked if "/preview/" not in line] == []


@pytest.mark.slow
def test_nothing_in_an_html_body_runs_in_the_preview(watched: Watched, elsewhere: Listener) -> None:
    emails = log_of_payloads(elsewhere.host)

    for email in emails[: len(payloads.ALL)]:
        watched.open(f"{LIST}{email.pk}/preview/")
        watched.page.keyboard.press("Tab")
    watched.open(f"{LIST}{emails[0].pk}/change/")
    loaded = watched.page.evaluate(FRAMES, [f"{LIST}{email.pk}/preview/" for email in emails])

    watched.settle()
    assert loaded == COUNT
    assert (watched.ran, watched.outside(), elsewhere.visits) == ([], [], 0)


@pytest.mark.slow
def test_nothing_typed_into_the_search_runs(watched: Watched, elsewhere: Listener) -> None:
    names = ("q", "status__exact", "provider", "created_at_from", "created_at_to")
    texts = [payload.replace(payloads.HOST, elsewhere.host) for payload in payloads.ALL]
    for start in range(0, len(texts), 8):
        text = " ".join(texts[start : start + 8])
        watched.open(f"{LIST}?{urlencode(dict.fromkeys(names, text))}")

    watched.settle()
    assert (watched.ran, watched.blocked, watched.outside(), elsewhere.visits) == ([], [], [], 0)


def test_the_log_looks_right_and_asks_nobody_else(watched: Watched, settings: Any) -> None:
    """GOMAIL_SCREENSHOTS=docs keeps the pictures for the README."""
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid")
    email = letters.write(COUNT)
    errors: list[str] = []
    watched.page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )

    watched.open(LIST)
    watched.page.wait_for_load_state("networkidle")
    assert watched.page.locator("#result_list").get_by_text("Your order 48151 and its invoice").is_visible()
    keep(watched.page, "admin.png")
    watched.open(f"{LIST}{email.pk}/change/")
    watched.page.wait_for_load_state("networkidle")
    frame = watched.page.frame_locator("iframe.gm-preview")
    assert frame.get_by_text("Thank you, Ann").is_visible()
    assert watched.page.get_by_text("TooManyRequestsException", exact=True).is_visible()
    keep(watched.page, "admin-email.png")

    assert (watched.outside(), errors) == ([], [])


def test_a_key_is_made_in_the_browser_and_its_token_gone_afterwards(watched: Watched) -> None:
    watched.open("/admin/delivery/apikey/add/")
    watched.page.fill("[name=team_name]", "web shop")
    watched.page.click("[name=_save]")
    token = watched.page.input_value("#token")

    assert keys.find(token) == ApiKey.objects.get()
    watched.page.click("text=I have it")
    assert token not in watched.page.content()
    watched.page.click("text=Revoke…")
    watched.page.click("button:has-text('Revoke it')")
    watched.page.wait_for_selector("text=is revoked")
    keys._live.cache_clear()  # what the end of a second does
    assert keys.find(token) is None


def log_of_payloads(host: str) -> list[Email]:
    """Write 200 emails, each with four payloads in every field and one of them as its HTML body."""
    texts = [payload.replace(payloads.HOST, host) for payload in payloads.ALL]
    with transaction.atomic():
        return [hostile([texts[(n + more) % len(texts)] for more in BATCH]) for n in range(COUNT)]


def hostile(texts: list[str]) -> Email:
    first, text, pairs = texts[0], " ".join(texts), {each: each for each in texts}
    team, _ = Team.objects.get_or_create(name=first[:100])
    ApiKey.objects.create(team=team, public_id=ids.uuid7().hex[-8:], scopes=texts, from_addresses=texts)
    email = Email.objects.create(
        team=team,
        from_name=text[:255],
        from_address=text[:254],
        reply_to=[[each, each] for each in texts],
        subject=text,
        text_body=text,
        html_body=first,
        headers=pairs,
        tags=texts,
        metadata={**pairs, "number": 1},
        status="failed",
        reason=text,
        provider=first[:50],
        left_out=pairs,
    )
    for each in texts:
        hostile_rows(email, each)
    return email


def hostile_rows(email: Email, text: str) -> None:
    Recipient.objects.create(email=email, kind="to", name=text, address=text, canonical=text)
    said = {"outcome": "refused", "code": text[:100], "detail": text, "provider_message_id": text}
    Attempt.objects.create(email=email, provider=text[:50], epoch=1, **said)
    names = {"filename": text, "content_type": text[:127], "content_id": text}
    Attachment.objects.create(email=email, size=len(text), sha256="0" * 64, **names)


def test_an_incident_is_a_sentence_on_a_telephone_too(watched: Watched) -> None:
    said = "Of 2 emails it is not known whether they were sent; only a person can say."
    Incident.objects.create(kind="unknown", said=said)
    watched.page.set_viewport_size({"width": 390, "height": 844})
    watched.open("/admin/")
    box = watched.page.get_by_text(said).bounding_box()
    assert box is not None
    assert box["height"] < 120  # some lines, not a column of letters
