"""A person's word settles an email of which nobody knows whether it was sent, and it is kept whose word it was."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.models import Attempt, Email
from delivery.sending import unknown
from tests.browser import payloads
from tests.delivery.admin.pages import LIST, page, reader, text
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db

WORDS = ("was-sent", "was-not-sent")
LOST = "ses: The connection was lost after the whole request was sent."


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    cache.clear()
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def in_doubt(**fields: Any) -> Email:
    email = written("Your invoice", **{"status": "unknown", "reason": LOST, **fields})
    email.recipients.update(status="unknown")
    suspect(email)
    return email


def suspect(email: Email) -> Attempt:
    return Attempt.objects.create(
        email=email, provider="ses", epoch=1, outcome="unknown", error="unknown", detail=LOST
    )


def url(email: Email, word: str) -> str:
    return f"{LIST}{email.pk}/{word}/"


# What the page tells.


def test_the_page_says_what_is_unknown_and_why(anna: Client) -> None:
    shown = text(anna.get(page(in_doubt())))

    assert "ses may have sent it at" in shown
    assert ": The connection was lost after the whole request was sent." in shown


def test_what_is_unknown_is_said_in_words_and_the_exception_stands_with_its_attempt(anna: Client) -> None:
    email = in_doubt()
    email.attempts.update(detail=f"{LOST} ReadTimeoutError: pool (1)")
    doubt, _, attempts = anna.get(page(email)).content.decode().partition("<h3>Attempts")
    assert LOST.removeprefix("ses: ") in doubt
    assert "ReadTimeoutError" not in doubt
    assert "ReadTimeoutError: pool (1)" in attempts


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"due_at": 5}, "It is sent again automatically at"),
        ({"due_at": -5}, "as soon as a worker is free"),
        ({"on_ambiguous": "stop"}, "It is not sent again automatically: whoever sent it asked for that"),
        ({"expires_at": -5}, "It is not sent again automatically: its deadline has passed."),
        ({}, "It is not sent again automatically. It waits for a person."),
    ],
)
def test_the_page_says_whether_it_is_sent_again(anna: Client, fields: dict[str, Any], expected: str) -> None:
    now = timezone.now()
    moments = {
        name: now + timedelta(minutes=value) if isinstance(value, int) else value
        for name, value in fields.items()
    }

    assert expected in text(anna.get(page(in_doubt(**moments))))


def test_after_three_silent_attempts_the_page_says_that_only_a_person_can_tell(anna: Client) -> None:
    email = in_doubt()
    for _ in range(unknown.MOST - 1):
        suspect(email)

    assert "3 attempts have ended without an answer" in text(anna.get(page(email)))


@pytest.mark.parametrize("status", ["sent", "queued", "sending", "failed", "partial", "expired"])
def test_an_email_that_is_in_no_doubt_has_no_buttons(anna: Client, status: str) -> None:
    shown = text(anna.get(page(written(status=status))))

    assert "Was it sent?" not in shown
    assert "It was sent" not in shown


def test_each_attempt_tells_its_kind_of_error(anna: Client) -> None:
    email = written()
    Attempt.objects.create(
        email=email, provider="ses", epoch=1, outcome="refused_temporarily", error="account_problem"
    )

    assert "account problem" in text(anna.get(page(email)))


def test_why_providers_were_not_asked_reads_as_a_list_of_reasons(anna: Client) -> None:
    reasons = {"ses": "ses is not used until 07:31:10 UTC: it fails or is slow.", "x": 1}
    shown = text(anna.get(page(written(left_out=reasons))))

    assert " ses is not used until 07:31:10 UTC: it fails or is slow." in shown
    assert "x 1" in shown


# The two buttons.


@pytest.mark.parametrize("word", WORDS)
def test_nothing_happens_before_it_is_confirmed(anna: Client, word: str) -> None:
    email = in_doubt()
    before = Email.objects.values().get()

    shown = text(anna.get(url(email, word)))

    assert "This cannot be undone." in shown
    assert Email.objects.values().get() == before
    assert not LogEntry.objects.exists()


def test_the_confirmation_says_what_follows(anna: Client) -> None:
    email = in_doubt()

    assert "GoMail does not send it again." in text(anna.get(url(email, "was-sent")))
    assert "its recipients get it twice" in text(anna.get(url(email, "was-not-sent")))


def test_an_email_is_settled_as_sent(anna: Client) -> None:
    email = in_doubt(due_at=timezone.now())
    shown = text(anna.post(url(email, "was-sent"), follow=True))

    email.refresh_from_db()
    assert (email.status, email.provider, email.due_at) == ("sent", "ses", None)
    assert email.recipients.get().status == "accepted"
    for words in ("Settled: it was sent.", "Settled by a person: it was sent.", "settled by anna"):
        assert words in shown


def test_an_email_is_settled_as_not_sent_and_queued(anna: Client) -> None:
    email = in_doubt(possible_duplicate=True, expires_at=timezone.now())
    shown = text(anna.post(url(email, "was-not-sent"), follow=True))

    email.refresh_from_db()
    assert (email.status, email.possible_duplicate, email in Email.objects.due()) == ("queued", False, True)
    assert email.recipients.get().status == "pending"
    assert "Settled: it was not sent." in shown


@pytest.mark.parametrize(("word", "outcome"), [("was-sent", "accepted"), ("was-not-sent", "not_sent")])
def test_it_is_kept_who_settled_it_and_when(anna: Client, word: str, outcome: str) -> None:
    email = in_doubt()
    anna.post(url(email, word))

    attempt, entry = Attempt.objects.get(), LogEntry.objects.get()
    assert (attempt.outcome, attempt.settled_by) == (outcome, "anna")
    assert attempt.settled_at is not None
    assert (entry.user.get_username(), entry.action_flag, entry.object_id) == ("anna", CHANGE, str(email.pk))
    assert "Settled as" in text(anna.get(f"{LIST}{email.pk}/history/"))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("status", ["sent", "sending", "queued"])
def test_one_that_was_settled_meanwhile_stays_as_it_is_and_that_is_said(
    anna: Client, word: str, status: str
) -> None:
    email = in_doubt()
    Email.objects.update(status=status)

    assert "not in doubt any more" in text(anna.get(url(email, word)))
    assert "Nothing was changed" in text(anna.post(url(email, word), follow=True))
    email.refresh_from_db()
    assert email.status == status
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_email_that_is_not_there_cannot_be_settled(anna: Client, word: str, method: str) -> None:
    missing = f"{LIST}00000000-0000-0000-0000-000000000000/{word}/"

    assert getattr(anna, method)(missing).status_code == 404


@pytest.mark.parametrize("payload", payloads.ALL[::15])
def test_what_a_vendor_wrote_is_shown_as_text(anna: Client, payload: str) -> None:
    email = in_doubt(reason=payload, left_out={"ses": payload})
    Attempt.objects.update(
        detail=payload, provider=payload[:50], error=payload[:20], settled_by=payload[:150]
    )
    Attempt.objects.update(settled_at=timezone.now())

    for path in ("change", *WORDS):
        shown = anna.get(url(email, path)).content.decode()
        assert payload not in shown or "<" not in payload


# Who may.


@pytest.mark.parametrize("word", WORDS)
def test_without_a_login_there_is_the_login_page(word: str) -> None:
    email = in_doubt()

    for method in (Client().get, Client().post):
        assert method(url(email, word))["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("role", ["", "viewer"])
def test_staff_that_may_not_settle_is_refused(role: str) -> None:
    email, client = in_doubt(), reader(role)

    for word in WORDS:
        assert client.get(url(email, word)).status_code == client.post(url(email, word)).status_code == 403
    email.refresh_from_db()
    assert email.status == "unknown"


def test_who_may_only_read_sees_the_doubt_without_buttons() -> None:
    email = in_doubt()
    shown = text(reader("viewer").get(page(email)))

    assert "Was it sent?" in shown
    assert "It was sent" not in shown


def test_support_settles() -> None:
    email, client = in_doubt(), reader("support")

    assert "It was sent…" in text(client.get(page(email)))
    assert client.post(url(email, "was-sent")).status_code == 302
    assert Email.objects.get().reason == "Settled by a person: it was sent."


@pytest.mark.parametrize("word", WORDS)
def test_the_buttons_need_the_csrf_token(anna: Client, word: str) -> None:
    strict, email = Client(enforce_csrf_checks=True), in_doubt()
    strict.cookies = anna.cookies

    assert strict.post(url(email, word)).status_code == 403
    email.refresh_from_db()
    assert email.status == "unknown"


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_but_looking_and_confirming_is_taken(anna: Client, word: str, method: str) -> None:
    assert getattr(anna, method)(url(in_doubt(), word)).status_code in {403, 405}


# Duplicates and the first page.


def test_a_possible_duplicate_is_marked_in_the_list_and_on_its_page(anna: Client) -> None:
    email = written("Twice?", possible_duplicate=True, status="sent")
    suspect(email)
    Attempt.objects.create(email=email, provider="ses", epoch=2, outcome="accepted")

    assert "Twice? may be a duplicate" in text(anna.get(LIST))
    assert "may be a duplicate" in text(anna.get(page(email)))
    assert "may be a duplicate Sent" not in text(anna.get(page(written("Once", status="sent"))))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("duplicate", {"twice"}),
        ("waiting", {"in doubt"}),
        ("nonsense", {"twice", "in doubt", "held", "once"}),
    ],
)
def test_the_filter_finds_what_is_in_doubt(anna: Client, value: str, expected: set[str]) -> None:
    written("twice", possible_duplicate=True)
    written("in doubt", status="unknown")
    written("held", status="unknown", due_at=timezone.now())
    written("once")

    shown = anna.get(f"{LIST}?doubt={value}").context["cl"].result_list
    assert {email.subject for email in shown} == expected


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads so few rows without an index")
def test_duplicates_are_found_by_their_index(anna: Client) -> None:
    written(possible_duplicate=True)

    plan = Email.objects.filter(possible_duplicate=True).order_by("-id")[:50].explain()
    assert "email_possible_duplicate" in plan


def test_the_first_page_counts_what_waits_for_a_person(anna: Client) -> None:
    in_doubt()
    in_doubt(due_at=timezone.now() + timedelta(minutes=5))

    shown = text(anna.get("/admin/"))
    assert "to settle 1 only a person can" in shown
    assert "?doubt=waiting" in anna.get("/admin/").content.decode()


def test_the_first_page_asks_the_database_as_often_for_100_doubts_as_for_one(anna: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            anna.get("/admin/")
        return len(captured)

    in_doubt()
    few = queries()
    for _ in range(100):
        in_doubt()

    assert queries() == few <= 60
