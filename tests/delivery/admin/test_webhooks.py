"""The pages of webhooks: what they tell, what may be ordered, and by whom."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from delivery.models import Team, WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints
from tests.delivery.admin.pages import reader, text
from tests.delivery.webhooks.endpoints import SECRET, endpoint, message

pytestmark = pytest.mark.django_db
ENDPOINTS, MESSAGES, CALLS = (f"/admin/delivery/webhook{name}/" for name in ("endpoint", "message", "call"))
PUBLIC = "https://93.184.215.14/hook"
URL = "https://hooks.example.org/in"


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def told(to: WebhookEndpoint, **fields: Any) -> WebhookMessage:
    one = message(to, **{"due_at": None, "outcome": "failed", "tries": 10, **fields})
    WebhookCall.objects.create(endpoint=to, message=one, status=503, answer="<b>Busy</b>", ms=1234)
    return one


def order(client: Client, page: str, row: Any, word: str) -> Any:
    """Press a button and go where it leads."""
    return client.post(f"{page}{row.pk}/{word}/", follow=True)


def test_the_list_tells_who_listens_to_what_and_how_it_stands(anna: Client) -> None:
    endpoint(url=URL, team=Team.objects.create(name="shop"), events=["email.sent", "email.bounced"])
    endpoints.switch_off(endpoint(url="https://gone.example.org/"), "It answered 410 Gone.")
    endpoint(url="https://late.example.org/", failing_since=timezone.now())
    endpoint(url="https://deleted.example.org/", deleted_at=timezone.now())
    said = text(anna.get(ENDPOINTS))

    for words in (URL, "shop", "email.sent, email.bounced", "everything", "switched off", "takes nothing"):
        assert words in said
    assert "deleted.example.org" not in said


def test_an_endpoints_page_tells_its_calls_and_never_its_secret(anna: Client) -> None:
    row = endpoint(url=URL, description="the shop", events=["email.sent"])
    told(row)
    answer = anna.get(f"{ENDPOINTS}{row.pk}/change/")

    for words in (URL, "the shop", "email.sent", "503", "1234 ms", "failed"):
        assert words in text(answer)
    assert b"&lt;b&gt;Busy&lt;/b&gt;" in answer.content
    assert SECRET.encode() not in answer.content


def test_a_messages_page_tells_its_data_its_calls_and_its_email(anna: Client) -> None:
    email = uuid4()
    row = told(endpoint(url=URL), data={"email_id": str(email), "reason": "nö"})
    answer = anna.get(f"{MESSAGES}{row.pk}/change/")

    for words in (str(row.pk), "email.sent", "nö", "503", URL):
        assert words in text(answer)
    assert f"/admin/delivery/email/{email}/change/".encode() in answer.content


def test_messages_can_be_filtered_by_outcome_and_found_by_id(anna: Client) -> None:
    to = endpoint(url=URL)
    failed, waiting = told(to), told(to, outcome="waiting", kind="email.bounced")

    found = anna.get(MESSAGES, {"outcome__exact": "waiting"}).context["cl"].result_list
    assert [row.pk for row in found] == [waiting.pk]
    for term, pks in ((str(failed.pk), [failed.pk]), ("no id", [])):
        assert [row.pk for row in anna.get(MESSAGES, {"q": term}).context["cl"].result_list] == pks


def test_a_call_leads_to_its_message(anna: Client) -> None:
    row = told(endpoint(url=URL))
    assert "503" in text(anna.get(CALLS))
    answer = anna.get(f"{CALLS}{WebhookCall.objects.get().pk}/change/")

    assert answer.headers["Location"] == f"{MESSAGES}{row.pk}/change/"


def test_an_endpoint_is_switched_off_and_on_and_the_history_says_by_whom(anna: Client) -> None:
    row = endpoint(url=URL, failing_since=timezone.now() - timedelta(days=1))
    assert "It is off." in text(order(anna, ENDPOINTS, row, "switch-off"))
    row.refresh_from_db()
    assert (row.enabled, row.disabled_reason) == (False, "")

    assert "It is on." in text(order(anna, ENDPOINTS, row, "switch-on"))
    row.refresh_from_db()
    assert (row.enabled, row.failing_since) == (True, None)
    assert list(LogEntry.objects.values_list("change_message", "user__username")) == [
        ("Switched on.", "anna"),
        ("Switched off.", "anna"),
    ]


def test_a_test_is_posted_from_the_page(anna: Client) -> None:
    row = endpoint(url=URL)
    assert "A test will be posted." in text(order(anna, ENDPOINTS, row, "test"))
    assert WebhookMessage.objects.get().kind == "webhook.test"


def test_a_message_is_replayed_under_its_id(anna: Client) -> None:
    row = told(endpoint(url=URL))
    assert "It is posted again" in text(order(anna, MESSAGES, row, "replay"))
    row.refresh_from_db()
    assert (row.outcome, row.tries) == ("waiting", 0)


def test_to_an_endpoint_that_is_off_nothing_is_tested_or_replayed(anna: Client) -> None:
    to = endpoint(url=URL, enabled=False)
    row = told(to)
    for answer in (order(anna, ENDPOINTS, to, "test"), order(anna, MESSAGES, row, "replay")):
        assert "This endpoint is off" in text(answer)
    assert not WebhookMessage.objects.filter(outcome="waiting").exists()


def test_who_may_only_read_gets_no_button_and_no_order_is_obeyed() -> None:
    to = endpoint(url=URL)
    row = told(to)
    bert = reader("developer")
    for page, one in ((ENDPOINTS, to), (MESSAGES, row)):
        answer = bert.get(f"{page}{one.pk}/change/")
        assert answer.status_code == 200
        assert b"Switch off" not in answer.content
        assert b"Post it again" not in answer.content
    for page, one, word in (
        (ENDPOINTS, to, "switch-off"),
        (ENDPOINTS, to, "test"),
        (MESSAGES, row, "replay"),
    ):
        assert bert.post(f"{page}{one.pk}/{word}/").status_code == 403
    to.refresh_from_db()
    assert to.enabled


def test_who_may_not_read_sees_nothing() -> None:
    row = told(endpoint(url=URL))
    bert = reader("support")
    pages = (
        *(ENDPOINTS, MESSAGES, CALLS, f"{ENDPOINTS}{row.endpoint_id}/change/", f"{MESSAGES}{row.pk}/change/"),
        f"{CALLS}{WebhookCall.objects.get().pk}/change/",
    )
    assert {bert.get(page).status_code for page in pages} == {403}
    assert "Webhooks in trouble" not in text(bert.get("/admin/"))


def test_an_order_is_obeyed_by_post_alone(anna: Client) -> None:
    row = endpoint(url=URL)
    assert anna.get(f"{ENDPOINTS}{row.pk}/switch-off/").status_code == 405


@pytest.mark.parametrize("pk", [uuid4(), "no-id"])
def test_what_is_not_there_is_said_to_be_so(pk: Any, anna: Client) -> None:
    for page in (ENDPOINTS, MESSAGES, CALLS):
        assert anna.get(f"{page}{pk}/change/").status_code == 404


def test_the_first_page_tells_of_endpoints_in_trouble(anna: Client) -> None:
    assert "Webhooks in trouble" not in text(anna.get("/admin/"))
    endpoints.switch_off(endpoint(url=URL), "It answered 410 Gone.")
    endpoint(url="https://off.example.org/", enabled=False)
    said = text(anna.get("/admin/"))

    assert "Webhooks in trouble" in said
    assert "It answered 410 Gone." in said
    assert "off.example.org" not in said  # a person's choice is no trouble


def test_an_endpoint_is_made_and_its_secret_is_shown_this_once(anna: Client) -> None:
    shop = Team.objects.create(name="shop")
    asked = {"team": shop.pk, "url": PUBLIC, "heard": ["email.sent"], "description": "orders"}
    answer = anna.post(f"{ENDPOINTS}add/", asked)

    row = WebhookEndpoint.objects.get()
    assert (row.team, row.url, row.events, row.description) == (shop, PUBLIC, ["email.sent"], "orders")
    assert row.secret.encode() in answer.content
    assert "no-store" in answer.headers["Cache-Control"]
    assert row.secret.encode() not in anna.get(f"{ENDPOINTS}{row.pk}/change/").content
    assert [entry.user.username for entry in LogEntry.objects.all()] == ["anna"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"url": "https://127.0.0.1/"}, "may not reach"),
        ({"url": "http://93.184.215.14/"}, "a port that webhooks may not use"),
        ({"url": PUBLIC, "heard": ["email.sended"]}, "email.sended is not one of the available choices"),
        ({"url": PUBLIC, "description": "a\nb"}, "Write it in one line"),
        ({}, "This field is required"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_with_a_reason(
    asked: dict[str, Any], said: str, anna: Client
) -> None:
    assert said in text(anna.post(f"{ENDPOINTS}add/", asked))
    assert not WebhookEndpoint.objects.exists()


def test_a_team_who_has_enough_gets_no_further_one(anna: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST", 1)
    endpoint(url=URL)

    assert "1 endpoints already" in text(anna.post(f"{ENDPOINTS}add/", {"url": PUBLIC}))


def test_a_new_secret_is_shown_this_once_and_the_old_one_signs_for_a_day(anna: Client) -> None:
    row = endpoint(url=URL)
    answer = order(anna, ENDPOINTS, row, "rotate")
    row.refresh_from_db()

    assert row.secret != SECRET
    assert row.previous_secret == SECRET
    assert row.secret.encode() in answer.content
    assert SECRET.encode() not in answer.content
    assert "the one before verifies it, too" in text(answer)


def test_who_may_not_add_makes_none() -> None:
    bert = reader("developer")
    assert bert.post(f"{ENDPOINTS}add/", {"url": PUBLIC}).status_code == 403


def test_nobody_changes_or_deletes_one_by_hand(anna: Client) -> None:
    row = endpoint(url=URL)
    assert anna.get(f"{ENDPOINTS}{row.pk}/delete/").status_code == 403
    assert anna.post(f"{ENDPOINTS}{row.pk}/change/", {"url": "https://evil.example/"}).status_code == 403
