"""The timeline and the pages of events in a real browser: they look right and run nothing that a vendor has said."""

import pytest

from delivery.models import Attempt, Email, ProviderEvent, Recipient
from tests.browser import payloads
from tests.browser.watching import Listener, Watched, look
from tests.delivery.events.told import tell
from tests.delivery.factories import under_way

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EVENTS = "/admin/delivery/providerevent/"
REASON = "smtp; 550 5.1.1 The email account that you tried to reach does not exist."


def told_of() -> Attempt:
    """Return an attempt of which much was told."""
    attempt = under_way(outcome="unknown", status="unknown", lease_until=None)
    Recipient.objects.create(
        email=attempt.email, address="eve@example.org", canonical="eve@example.org", status="unknown"
    )
    tell(attempt, "accepted")
    tell(attempt, "bounced", recipient="eve@example.org", reason=REASON, code="5.1.1", after=2)
    tell(attempt, "delivered", after=3, raw={"event": "delivered", "response": "250 ok"})
    tell(attempt, "opened", bot=True, after=9)
    tell(attempt, "complained", certain=False, after=60)
    return attempt


def test_what_became_of_an_email_is_looked_at(watched: Watched) -> None:
    attempt = told_of()
    watched.open("/admin/delivery/email/")
    look(watched, "events-log")
    watched.open(f"/admin/delivery/email/{attempt.email_id}/change/")
    watched.page.wait_for_selector("text=Timeline")
    look(watched, "events-email")
    watched.open(EVENTS)
    look(watched, "events-list")
    watched.open(f"{EVENTS}{ProviderEvent.objects.get(kind='delivered').pk}/change/")
    watched.page.wait_for_selector("text=250 ok")
    look(watched, "events-event")
    assert (watched.ran, watched.blocked, watched.outside()) == ([], [], [])


@pytest.mark.slow
def test_no_word_of_a_vendor_runs(watched: Watched, elsewhere: Listener) -> None:
    texts = [payload.replace(payloads.HOST, elsewhere.host) for payload in payloads.ALL]
    attempt = under_way(outcome="accepted", status="sent", lease_until=None)
    for number, said in enumerate(texts):
        tell(
            attempt, "deferred", after=number, reason=said, code=said[:100], name=said[:100], raw={said: said}
        )
    for path in (EVENTS, f"/admin/delivery/email/{attempt.email_id}/change/", "/admin/"):
        watched.open(path)
    for event in ProviderEvent.objects.all()[:9]:
        watched.open(f"{EVENTS}{event.pk}/change/")
    assert Email.objects.count() == 1
    watched.settle()
    assert (watched.ran, watched.blocked, watched.outside(), elsewhere.visits) == ([], [], [], 0)
