"""A person does about an email, or about many, what the role allows; and it is on record."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from delivery.models import Attempt, AuditEntry, Email, ProviderEvent, Recipient, Suppression, Team
from tests.delivery.admin.pages import LIST, page, reader, text
from tests.delivery.factories import queued, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    cache.clear()
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def sent(**fields: Any) -> Email:
    return queued(**{"status": "sent", "due_at": None, "provider": "ses", **fields})


def newest() -> Email:
    return Email.objects.latest("pk")


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


# One.


def test_an_email_goes_again_and_its_page_says_who_did_it(anna: Client) -> None:
    email = sent()
    answer = anna.post(f"{LIST}{email.pk}/resend/")
    again = newest()
    assert (answer["Location"], again.resend_of) == (page(again), email.pk)
    assert actions() == ["email.resent"]
    assert "sent again – – by anna as this email" in text(anna.get(page(email)))
    assert "It repeats this email" in text(anna.get(page(again)))


@pytest.mark.parametrize(("word", "fields"), [("resend", {}), ("resend-to", {"to": "eve@example.org"})])
def test_two_who_answer_the_same_question_send_it_once(
    anna: Client, word: str, fields: dict[str, str]
) -> None:
    email = sent()
    path = f"{LIST}{email.pk}/{word}/"
    asked = re.search(r'name="known" value="(\d+)"', anna.get(path).content.decode())
    assert asked is not None
    first, second = (anna.post(path, {**fields, "known": asked[1]}, follow=True) for _ in range(2))
    assert Email.objects.filter(resend_of=email.pk).count() == 1
    assert "It has been sent again since that question was put." in text(second)
    assert "as this new email" in text(first)
    asked_anew = anna.get(path).content.decode()
    assert 'name="known" value="1"' in asked_anew
    anna.post(path, {**fields, "known": "1"})
    assert Email.objects.filter(resend_of=email.pk).count() == 2


def test_an_email_in_quarantine_goes_again_as_another(anna: Client) -> None:
    email = sent(status="quarantined", provider="")
    assert "Send it again…" in text(anna.get(page(email)))
    anna.post(f"{LIST}{email.pk}/resend/")
    assert newest().resend_of == email.pk


def test_an_email_goes_to_another_address_alone(anna: Client) -> None:
    email = sent()
    Recipient.objects.create(email=email, kind="bcc", address="c@example.org", canonical="c@example.org")
    anna.post(f"{LIST}{email.pk}/resend-to/", {"to": "Eve <eve@example.org>"})
    assert [str(row) for row in newest().recipients.all()] == ["Eve <eve@example.org>"]


@pytest.mark.parametrize("typed", ["", "nobody", "a@example.org, b@example.org"])
def test_what_is_no_address_is_said_beside_the_field(anna: Client, typed: str) -> None:
    email = sent()
    answer = anna.post(f"{LIST}{email.pk}/resend-to/", {"to": typed})
    assert (answer.status_code, newest()) == (200, email)
    assert 'role="alert"' in answer.content.decode()


def test_a_scheduled_email_leaves_at_another_time(anna: Client, settings: Any) -> None:
    settings.PEOPLES_TIME_ZONE = "Europe/Berlin"
    soon = timezone.now() + timedelta(hours=1)
    email = queued(status="scheduled", due_at=soon, expires_at=soon + timedelta(hours=24))
    assert "In the time zone Europe/Berlin" in text(anna.get(f"{LIST}{email.pk}/reschedule/"))
    anna.post(f"{LIST}{email.pk}/reschedule/", {"at": "2040-07-01T12:00"})
    email.refresh_from_db()
    assert email.due_at is not None
    assert email.due_at.isoformat() == "2040-07-01T10:00:00+00:00"
    assert "put off" in text(anna.get(page(email)))


def test_an_address_of_an_email_is_suppressed_for_its_team(anna: Client) -> None:
    email = sent(team=Team.objects.create(name="shop"))
    anna.post(f"{LIST}{email.pk}/suppress/", {"who": "bob@example.org", "because": "He asked"})
    entry = Suppression.objects.get()
    assert (entry.address, entry.team, entry.by, entry.reason) == (
        "bob@example.org",
        email.team,
        "anna",
        "He asked",
    )
    answer = anna.post(f"{LIST}{email.pk}/suppress/", {"who": "eve@example.org", "because": "x"})
    assert (answer.status_code, Suppression.objects.count()) == (200, 1)


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("viewer", {"resend", "resend-to", "cancel", "reschedule", "suppress", "source"}),
        ("support", {"resend-to", "source"}),
        ("developer", set()),
    ],
)
def test_each_order_has_its_scope(role: str, refused: set[str]) -> None:
    email = sent()
    client = reader(role)
    words = ("resend", "resend-to", "cancel", "reschedule", "suppress", "source")
    assert {word for word in words if client.get(f"{LIST}{email.pk}/{word}/").status_code == 403} == refused
    shown = client.get(page(email)).content.decode()
    for word in refused & {"resend", "resend-to", "suppress"}:
        assert f"../{word}/" not in shown


def test_the_source_is_shown_and_an_attempt_can_be_found_at_its_vendor(anna: Client, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("eu=mailgun",)
    email = sent()
    attempt = Attempt.objects.create(email=email, provider="eu", epoch=1, provider_message_id="77@mg")
    assert "Subject: Hello" in text(anna.get(f"{LIST}{email.pk}/source/"))
    shown = anna.get(page(email))
    assert f"search the user variable gomail_attempt={attempt.pk}, or the message id 77@mg" in text(shown)
    for copied in (attempt.pk, email.pk, "77@mg", f"http://testserver{page(email)}"):
        assert f'data-copy="{copied}"' in shown.content.decode()


def test_an_event_of_a_vendor_whose_clock_is_behind_stays_behind_its_attempt(anna: Client) -> None:
    email, now = sent(), timezone.now()
    attempt = Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="accepted", started_at=now)
    event = {"account": "ses", "kind": "delivered", "recipient": "bob@example.org", "raw": {}}
    ProviderEvent.objects.create(
        email=email, attempt=attempt.pk, key="0" * 64, at=now - timedelta(seconds=1), **event
    )
    anna.post(f"{LIST}{email.pk}/resend/")
    words = [line.label.text for line in anna.get(page(email)).context["timeline"]]
    assert words == ["taken on", "offered", "delivered", "sent again"]


# Many.


def test_all_that_match_are_cancelled_after_a_look(anna: Client) -> None:
    shop = Team.objects.create(name="shop")
    emails = [queued(team=shop), queued(), queued(status="failed", due_at=None)]
    where = f"{LIST}all/cancel/?q=hello"
    asked = anna.get(where)
    assert "2 emails." in text(asked)
    assert "1 more in the list cannot be" in text(asked)
    later = queued()
    anna.post(where, {"until": asked.context["until"]})
    statuses = [Email.objects.get(pk=each.pk).status for each in (*emails, later)]
    assert statuses == ["cancelled", "cancelled", "failed", "queued"]
    assert actions() == ["emails.cancelled"] * 2
    assert AuditEntry.objects.get(team=shop).after == {"filter": {"q": "hello"}, "count": 1}


def test_those_ticked_are_sent_again_once_and_duplicates_are_foretold(anna: Client) -> None:
    emails = [sent(), queued(status="failed", due_at=None), queued()]
    ticked = {"action": "resend_ticked", "_selected_action": [str(each.pk) for each in emails]}
    where = anna.post(LIST, ticked)["Location"]
    asked = anna.get(where)
    assert "2 emails." in text(asked)
    assert "1 of them was accepted by a provider" in text(asked)
    for _ in range(2):  # a click too many
        anna.post(where, {"until": asked.context["until"]})
    again = Email.objects.filter(resend_of__isnull=False)
    assert {each.resend_of for each in again} == {emails[0].pk, emails[1].pk}
    assert (again.count(), actions().count("email.resent")) == (2, 2)


def test_orders_about_many_are_for_those_who_may(anna: Client) -> None:
    email = sent()
    other = queued(team=Team.objects.create(name="other"))
    viewer = reader("viewer")
    assert viewer.get(f"{LIST}all/resend/?pick={email.pk}").status_code == 403
    assert "Send all that match again" not in text(viewer.get(f"{LIST}?q=hello"))
    User.objects.all().delete()
    support = reader("support")
    assert "Send all that match again" in text(support.get(f"{LIST}?q=hello"))
    support.post(f"{LIST}all/cancel/?pick={other.pk}", {"until": other.pk})
    assert Email.objects.get(pk=other.pk).status == "queued"
    assert support.post(f"{LIST}all/cancel/?pick={email.pk}", {}).status_code == 400


# The file.


def test_what_is_listed_is_exported_and_nothing_of_it_computes(anna: Client, settings: Any) -> None:
    written("=1+1", status="failed", metadata={"order": "7"}, to=("bob@example.org", "eve@example.org"))
    written("other", status="sent")
    answer = anna.get(f"{LIST}export/?status__exact=failed")
    (row,) = csv.DictReader(io.StringIO(b"".join(answer).decode()))  # type: ignore[call-overload]
    assert (row["subject"], row["to"], row["metadata"]) == (
        "'=1+1",
        "bob@example.org; eve@example.org",
        "order=7",
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == ("emails.exported", {"filter": {"status__exact": "failed"}})


def test_an_export_says_what_became_of_a_sent_email_for_each_recipient(anna: Client) -> None:
    email = written("sent", status="sent", to=("bob@example.org", "eve@example.org"))
    email.recipients.filter(address="bob@example.org").update(status="bounced", reason="550 No such user")
    email.recipients.filter(address="eve@example.org").update(status="delivered")
    (row,) = csv.DictReader(io.StringIO(b"".join(anna.get(f"{LIST}export/")).decode()))  # type: ignore[call-overload]
    assert (row["to"], row["became"]) == (
        "bob@example.org; eve@example.org",
        "bounced: 550 No such user; delivered",
    )


def test_an_export_holds_the_own_teams_mail_alone() -> None:
    written("mine")
    viewer = reader("viewer")
    written("theirs", team=Team.objects.create(name="other"))
    shown = b"".join(viewer.get(f"{LIST}export/")).decode()  # type: ignore[call-overload]
    assert "mine" in shown
    assert "theirs" not in shown


# A test.


def trial(**fields: str) -> dict[str, str]:
    given = {"sender": "Shop <shop@example.org>", "to": "bob@example.org", "subject": "Hi", "text": "Hello"}
    return {**given, **fields}


def test_a_test_is_sent_and_its_page_shown(anna: Client) -> None:
    answer = anna.post(f"{LIST}send-test/", trial())
    email = newest()
    assert (answer["Location"], email.tags, email.status) == (page(email), ["test"], "queued")
    assert anna.post(f"{LIST}send-test/", trial(to="nobody")).status_code == 200
    assert newest() == email


def test_a_test_is_sent_for_the_own_team_by_who_may_send() -> None:
    other = Team.objects.create(name="other")
    developer = reader("developer")
    for team in ("", str(other.pk)):
        assert developer.post(f"{LIST}send-test/", trial(team=team)).status_code == 200
    assert not Email.objects.exists()
    developer.post(f"{LIST}send-test/", trial(team=str(Team.objects.get(name="shop").pk)))
    assert newest().team == Team.objects.get(name="shop")
    User.objects.all().delete()
    assert reader("support").get(f"{LIST}send-test/").status_code == 403


def test_a_test_that_nobody_can_carry_says_why(anna: Client, settings: Any) -> None:
    settings.DEBUG, settings.GOMAIL_PROVIDERS = False, ("nothing",)
    assert "No provider" in text(anna.post(f"{LIST}send-test/", trial()))
