"""The page of the providers and the settling of doubts in a real browser: they work, look right and run nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Attempt, Circuit, CircuitChange, Email, ProviderCheck, Recipient
from delivery.routing import circuit_cache
from tests.browser import payloads
from tests.browser.watching import Listener, Watched, fits, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PROVIDERS = "/admin/delivery/circuit/"
WIDTHS = {"wide": 1400, "narrow": 420}


@pytest.fixture
def three(settings: Any) -> None:
    """Three providers that answer at once without a network, and one that lacks its key."""
    settings.GOMAIL_PROVIDERS = ("ses=sandbox", "eu=sandbox", "spare=sandbox", "sendgrid")
    settings.PROVIDER_SECRETS = {}


def test_a_provider_is_taken_out_and_put_back_in_the_browser(watched: Watched, three: None) -> None:
    trouble()
    watched.open(PROVIDERS)
    look(watched, "providers")

    first = watched.page.locator(".gm-provider").first
    first.get_by_text("Take out of service…").click()
    first.locator("[name=reason]").fill("it moves house")
    first.get_by_role("button", name="Take ses out").click()
    watched.page.wait_for_selector("text=ses is out of service")
    look(watched, "providers-out")
    circuit = Circuit.objects.get(provider="ses", sender_domain="")
    assert (circuit.state, circuit.reason, circuit.changed_by) == ("out", "it moves house", "root")

    first.get_by_role("button", name="Put back in service").click()
    watched.page.wait_for_selector("text=ses is in service again")
    watched.page.get_by_role("button", name="Check all now").click()
    watched.page.wait_for_selector("text=delivers nothing")
    assert ProviderCheck.objects.count() == 3
    watched.open("/admin/")
    look(watched, "dashboard")
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


@pytest.mark.parametrize(
    ("button", "status"),
    [
        pytest.param("It was sent", "sent", marks=pytest.mark.slow),
        ("It was not sent: send it again", "queued"),
    ],
)
def test_a_doubt_is_settled_in_the_browser(watched: Watched, three: None, button: str, status: str) -> None:
    email = unknown()
    watched.open(f"/admin/delivery/email/{email.pk}/change/")
    look(watched, "doubt")
    watched.page.get_by_role("link", name=f"{button}…").click()
    watched.page.wait_for_selector("text=This cannot be undone")
    email.refresh_from_db()
    assert email.status == "unknown"
    look(watched, f"settle-{status}")

    watched.page.get_by_role("button", name=button).click()
    watched.page.wait_for_selector("text=Settled: it was")
    look(watched, f"settled-{status}")
    email.refresh_from_db()
    assert (email.status, Attempt.objects.get().settled_by) == (status, "root")
    watched.open("/admin/delivery/email/?doubt=duplicate")
    look(watched, f"list-{status}")
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


def test_no_word_of_a_vendor_runs_on_the_page_of_the_providers(
    watched: Watched, elsewhere: Listener, three: None
) -> None:
    texts = [payload.replace(payloads.HOST, elsewhere.host) for payload in payloads.ALL]
    for start in range(0, len(texts), 40):
        hostile(texts[start : start + 40])
        watched.open(PROVIDERS)
        watched.open("/admin/")

    watched.settle()
    assert (watched.ran, watched.blocked, watched.outside(), elsewhere.visits) == ([], [], [], 0)


def look(watched: Watched, name: str) -> None:
    """See that nothing is wider than the window, wide and narrow."""
    for width_name, width in WIDTHS.items():
        watched.page.set_viewport_size({"width": width, "height": 900})
        watched.page.wait_for_load_state("networkidle")
        assert fits(watched.page), (name, width_name)
        keep(watched.page, f"{name}-{width_name}.png", full_page=True)
    watched.page.set_viewport_size({"width": WIDTHS["wide"], "height": 900})


def trouble() -> None:
    """Write down what a bad night leaves: a failing provider, a refused sender, a quota nearly used."""
    now = timezone.now()
    email = unknown()
    failing = Circuit.objects.create(
        provider="eu",
        state="open",
        trouble="failing",
        reason="eu: The server answered 503: upstream connect error.",
        openings=3,
        retry_at=now + timedelta(minutes=2),
    )
    refused = Circuit.objects.create(
        provider="ses",
        sender_domain="example.com",
        state="open",
        trouble="sender",
        reason="ses: Email address is not verified: shop@example.com",
        openings=1,
        retry_at=now + timedelta(minutes=8),
    )
    night = [(failing, "open", 40), (failing, "probing", 39), (failing, "closed", 38), (failing, "out", 20)]
    for circuit, state, minutes in (
        *night,
        (failing, "closed", 15),
        (failing, "open", 3),
        (refused, "open", 2),
    ):
        by = "anna" if minutes in {20, 15} else ""
        reason = circuit.reason if state == "open" else "maintenance, says their status page" if by else ""
        CircuitChange.objects.create(
            circuit=circuit, state=state, reason=reason, by=by, at=now - timedelta(minutes=minutes)
        )
    Circuit.objects.create(provider="spare", paused_until=now + timedelta(seconds=90))
    Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="accepted", latency_ms=80)
    said = {"outcome": "not_sent", "code": "503", "detail": "upstream connect error"}
    for provider, error in (("ses", "throttled"), ("eu", "unavailable")):
        Attempt.objects.create(email=email, provider=provider, epoch=1, error=error, **said)
    ProviderCheck.objects.create(
        provider="ses",
        warnings=["ses: 92 % of the quota of the last 24 hours is used."],
        sandbox=False,
        quota={"limit": 50_000.0, "used": 46_012.0, "per": "24 hours"},
        senders={
            "billing@example.org": {"verified": True, "detail": "The domain is verified, with DKIM."},
            "shop@example.com": {"verified": False, "detail": "Verify example.com in the SES console."},
            "news@example.net": {"verified": None, "detail": ""},
        },
    )
    ProviderCheck.objects.create(
        provider="eu", problems=["eu: The key is refused. Set EU_SENDGRID_API_KEY to one that may send."]
    )


def unknown() -> Email:
    reason = "ses: The connection was lost after the whole request was sent."
    email = Email.objects.create(
        from_name="Meridian Books",
        from_address="shop@example.org",
        subject="Your order 48151 and its invoice",
        text_body="Thank you, Ann.\n",
        status="unknown",
        reason=reason,
        possible_duplicate=True,
        due_at=timezone.now() + timedelta(minutes=5),
        left_out={"eu": "eu is not used until 07:31:10 UTC: it fails or is slow."},
    )
    Recipient.objects.create(
        email=email, kind="to", name="Ann Lee", address="ann@example.org", canonical="ann@example.org", status="unknown"
    )  # fmt: skip
    Attempt.objects.create(
        email=email,
        provider="ses",
        epoch=1,
        outcome="unknown",
        error="unknown",
        detail=reason,
        latency_ms=25003,
    )
    return email


def hostile(texts: list[str]) -> None:
    """Let every field of the pages hold what was written to run."""
    now, text = timezone.now(), " ".join(texts)
    for table in (CircuitChange, Circuit, ProviderCheck):
        table.objects.all().delete()
    for number, each in enumerate(texts):
        circuit = Circuit.objects.create(
            provider="ses" if number % 2 else each[:50],
            sender_domain=f"{number}{each}"[:254] if number else "",
            state="open",
            trouble="sender",
            reason=each,
            retry_at=now + timedelta(minutes=8),
        )
        CircuitChange.objects.create(circuit=circuit, state="open", reason=each, by=each[:150])
    Circuit.objects.create(provider="eu", state="out", reason=text, changed_by=text[:150])
    Attempt.objects.create(
        email=unknown(), provider="ses", epoch=1, outcome="not_sent", error="unavailable", code=text[:100], detail=text
    )  # fmt: skip
    ProviderCheck.objects.create(
        provider="ses",
        problems=texts,
        warnings=texts,
        quota={"limit": 1.0, "used": 1.0, "per": text},
        senders={each: {"verified": None, "detail": each} for each in texts},
    )
    circuit_cache.forget()
