"""The pages of webhooks in a real browser: they work, look right and run nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Team, WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints
from tests.browser import payloads
from tests.browser.watching import Listener, Watched, keep
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ENDPOINTS, MESSAGES, CALLS = (f"/admin/delivery/webhook{name}/" for name in ("endpoint", "message", "call"))
WIDTHS = {"wide": 1400, "phone": 390}
REASON = "smtp; 550 5.1.1 The email account that you tried to reach does not exist."


def test_an_endpoint_is_looked_at_tested_and_switched_off_and_on(watched: Watched) -> None:
    to, told = busy()
    for name, path in (
        ("endpoints", ENDPOINTS),
        ("messages", MESSAGES),
        ("calls", CALLS),
        ("today", "/admin/"),
    ):
        watched.open(path)
        look(watched, f"webhooks-{name}")
    watched.open(f"{MESSAGES}{told.pk}/change/")
    look(watched, "webhooks-message")
    watched.page.get_by_role("button", name="Post it again").click()
    watched.page.wait_for_selector("text=It is posted again")

    watched.open(f"{ENDPOINTS}{to.pk}/change/")
    look(watched, "webhooks-endpoint")
    watched.page.get_by_role("button", name="Post a test").click()
    watched.page.wait_for_selector("text=A test will be posted")
    watched.page.get_by_text("New secret…").click()
    watched.page.get_by_role("button", name="Make it").click()
    watched.page.wait_for_selector("text=Keep it now")
    look(watched, "webhooks-secret")
    watched.page.get_by_role("link", name="I have it").click()
    watched.page.get_by_role("button", name="Switch off").click()
    watched.page.wait_for_selector("text=It is off.")
    look(watched, "webhooks-endpoint-off")
    watched.page.get_by_role("button", name="Switch on").click()
    watched.page.wait_for_selector("text=It is on.")

    to.refresh_from_db()
    assert to.enabled
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


def test_an_endpoint_is_made_in_the_browser(watched: Watched) -> None:
    watched.open(f"{ENDPOINTS}add/")
    watched.page.fill("[name=url]", "https://127.0.0.1/in")
    look(watched, "webhooks-new")
    watched.page.get_by_role("button", name="Save").click()
    watched.page.wait_for_selector("text=may not reach")
    look(watched, "webhooks-refused")
    watched.page.fill("[name=url]", "https://93.184.215.14/in")
    watched.page.get_by_label("email.bounced").check()
    watched.page.get_by_role("button", name="Save").click()
    watched.page.wait_for_selector("text=Keep it now")

    row = WebhookEndpoint.objects.get()
    assert (row.url, row.events) == ("https://93.184.215.14/in", ["email.bounced"])
    assert watched.page.input_value("#secret") == row.secret
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


def test_no_word_of_a_client_or_its_server_runs(watched: Watched, elsewhere: Listener) -> None:
    texts = [payload.replace(payloads.HOST, elsewhere.host) for payload in payloads.ALL]
    to = endpoint(url=f"https://example.org/{''.join(texts)}"[:2000], description="".join(texts)[:200])
    endpoints.switch_off(to, " ".join(texts)[:2000])
    told = WebhookMessage.objects.create(
        endpoint=to, kind=texts[0][:40], data={text: text for text in texts}, at=timezone.now()
    )
    for text in texts:
        WebhookCall.objects.create(endpoint=to, message=told, answer=text, ms=1)
    for path in (
        ENDPOINTS,
        MESSAGES,
        CALLS,
        "/admin/",
        f"{ENDPOINTS}{to.pk}/change/",
        f"{MESSAGES}{told.pk}/change/",
    ):
        watched.open(path)

    watched.settle()
    assert (watched.ran, watched.blocked, watched.outside(), elsewhere.visits) == ([], [], [], 0)


def look(watched: Watched, name: str) -> None:
    """See that nothing is wider than the window, on a desk and on a phone, by day and by night."""
    for scheme in ("light", "dark"):
        watched.page.evaluate(
            f"document.documentElement.classList.toggle('dark', {json.dumps(scheme == 'dark')})"
        )
        for width_name, width in WIDTHS.items():
            watched.page.set_viewport_size({"width": width, "height": 900})
            watched.page.wait_for_load_state("networkidle")
            assert watched.page.evaluate("document.documentElement.scrollWidth") <= width, (name, width_name)
            keep(watched.page, f"{name}-{width_name}-{scheme}.png", full_page=True)
    watched.page.evaluate("document.documentElement.classList.remove('dark')")
    watched.page.set_viewport_size({"width": WIDTHS["wide"], "height": 900})


def busy() -> tuple[WebhookEndpoint, WebhookMessage]:
    """Return a busy endpoint and a message that was told in the third try; others are in trouble."""
    now = timezone.now()
    shop = Team.objects.create(name="web shop")
    to = endpoint(
        url="https://shop.example.org/hooks/gomail?source=production",
        team=shop,
        description="orders and invoices",
        events=["email.bounced", "email.complained", "email.failed", "email.settled"],
        previous_secret="whsec_old",
        previous_until=now + timedelta(hours=20),
    )
    endpoints.switch_off(
        endpoint(url="https://old.example.net/in", team=shop),
        "It answered 410 Gone: it wants no more webhooks.",
    )
    endpoint(url="https://late.example.net/in", failing_since=now - timedelta(days=2))
    endpoint(url="https://crm.example.com/a/rather/long/path/that/somebody/has/made/up/for/webhooks/of/mail")
    for number, (outcome, tries, due) in enumerate(
        [("delivered", 1, None), ("failed", 10, None), ("waiting", 2, 90)]
    ):
        other = tell(
            to, now - timedelta(hours=number), outcome=outcome, tries=tries, due=due, kind="email.failed"
        )
        call(
            other,
            now - timedelta(hours=number),
            *((200, "ok") if outcome == "delivered" else (502, "Bad gateway")),
        )
    told = tell(to, now - timedelta(minutes=6), outcome="delivered", tries=3, due=None, kind="email.bounced")
    call(
        told,
        now - timedelta(minutes=6),
        None,
        "webhook: the request was sent, but not answered: it took too long. ReadTimeoutError",
    )
    call(told, now - timedelta(minutes=5, seconds=54), 503, '{"error": "deploying", "retry": true}')
    call(told, now, 204, "")
    return to, told


def tell(
    to: WebhookEndpoint, at: Any, *, outcome: str, tries: int, due: int | None, kind: str
) -> WebhookMessage:
    data = {
        "email_id": "019ac1f0-7cc0-7aaa-8bbb-1234567890ab",
        "recipient": "ann@example.com",
        "provider": "ses",
    }
    return WebhookMessage.objects.create(
        endpoint=to,
        kind=kind,
        data={**data, "reason": REASON},
        at=at,
        outcome=outcome,
        tries=tries,
        due_at=at + timedelta(minutes=due) if due else None,
        finished_at=None if due else at + timedelta(minutes=6),
    )


def call(told: WebhookMessage, at: Any, status: int | None, answer: str) -> None:
    ms = 15_002 if status is None else 84
    WebhookCall.objects.create(
        endpoint=told.endpoint, message=told, at=at, status=status, answer=answer, ms=ms
    )
