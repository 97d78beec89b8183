"""The dashboard explains: a card's number is the list behind it, what failed alike is one cause, and can be known."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.db import ids
from delivery.models import Acknowledgement, Attempt, AuditEntry, Email, Team
from delivery.monitoring import causes, history
from tests.delivery.admin.pages import reader, text
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db
HOME = "/admin/"


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    cache.clear()
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def ago(**span: float) -> Any:
    return ids.at(timezone.now() - timedelta(**span))


def a_month() -> None:
    """Write emails of all ages and statuses."""
    for place, hours in enumerate((0.2, 0.7, 3, 20, 23.9, 30, 100, 500, 800)):
        for status in ("sent", "failed", "unknown", "expired")[: 1 + place % 4]:
            written(
                status, id=ago(hours=hours), status=status, provider="sandbox" if status == "sent" else ""
            )
    written("waits", status="queued", due_at=timezone.now() - timedelta(hours=2))


@pytest.mark.parametrize(
    "span", ["24h", *(pytest.param(span, marks=pytest.mark.slow) for span in ("1h", "7d", "30d"))]
)
@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_each_number_is_the_length_of_the_list_behind_it(anna: Client, span: str, role: str) -> None:
    a_month()
    client = anna if role == "operator" else reader("viewer")
    answer = client.get(f"{HOME}?span={span}")
    cards = {card["label"].text: card for card in answer.context["cards"]}
    for card in cards.values():
        assert len(client.get(card["link"]).context["cl"].result_list) == int(card["count"]), card
    hours = {"1h": 1, "24h": 24, "7d": 168, "30d": 720}[span]
    sent = sum(age < hours for age in (0.2, 0.7, 3, 20, 23.9, 30, 100, 500, 800))
    assert cards["Sent"]["count"] == str(sent)
    drawn = {chart.title: chart for chart in answer.context["charts"]}
    taken = drawn["Emails, by the provider that took them"]
    assert sum(int(numbers[0]) for _, numbers in taken.rows) == sent


def test_latencies_are_told_and_the_oldest_that_waits(anna: Client) -> None:
    a_month()
    now = timezone.now()
    for number in range(10):
        email = written(id=ids.at(now - timedelta(minutes=5)), status="sent")
        seconds = 30 if number == 9 else 1
        Attempt.objects.create(
            email=email,
            provider="ses",
            epoch=1,
            outcome="accepted",
            started_at=now - timedelta(minutes=5) + timedelta(seconds=seconds),
            latency_ms=500,
        )
    found = history.latencies(history.axis(now, timedelta(hours=1), 12), Email.objects.all())
    assert [each.p50 for each in found if each.p50] == [pytest.approx(1.5, abs=0.01)]
    assert [each.p95 for each in found if each.p95] == [pytest.approx(30.5, abs=0.01)]
    assert "The email that is due longest waits since" in text(anna.get(HOME))


def test_what_failed_alike_is_one_cause_with_its_reason_first(anna: Client) -> None:
    reason = "ses: MessageRejected: Address {}@example.org is not verified (request 0b1c2d3e-{:04}-aaaa)."
    for number in range(3):
        written(f"no {number}", status="failed", reason=reason.format("abc"[number], number))
    written("other", status="failed", reason="No provider could carry it.")
    row = anna.get(HOME).context["trouble"][0]
    assert (row["count"], row["reason"]) == ("3", reason.format("c", 2))
    assert len(anna.get(row["link"]).context["cl"].result_list) == 3
    shown = text(anna.get(HOME))
    assert shown.index("MessageRejected") < shown.index("3 emails, the last: no 2")


def test_a_cause_is_acknowledged_until_it_comes_again(anna: Client) -> None:
    shop = Team.objects.create(name="shop")
    written("first", status="failed", reason="It broke.", team=shop)
    written("nobodys", status="failed", reason="It broke.")
    (row,) = anna.get(HOME).context["trouble"]
    anna.post(row["acknowledge"])
    assert anna.get(HOME).context["trouble"] == []
    assert set(AuditEntry.objects.values_list("action", "team")) == {
        ("emails.acknowledged", shop.pk),
        ("emails.acknowledged", None),
    }
    written("again", status="failed", reason="It broke.", team=shop)
    (again,) = anna.get(HOME).context["trouble"]
    assert (again["count"], again["subject"]) == ("1", "again")
    assert Acknowledgement.objects.count() == 2


def test_only_who_manages_emails_acknowledges_and_only_of_his_teams(anna: Client) -> None:
    written("theirs", status="failed", reason="It broke.", team=Team.objects.create(name="other"))
    (row,) = anna.get(HOME).context["trouble"]
    support = reader("support")
    assert support.post(row["acknowledge"]).status_code == 404
    User.objects.filter(username="reader").delete()
    written("mine", status="failed", reason="It broke.")
    viewer = reader("viewer")
    assert viewer.post(row["acknowledge"]).status_code == 403
    assert "Acknowledge" not in text(viewer.get(HOME))
    assert anna.get(row["acknowledge"]).status_code == 405


def test_without_an_email_the_page_says_how_to_send_one(anna: Client) -> None:
    shown = anna.get(HOME).content.decode()
    assert "curl http://testserver/api/v1/email-service/send-email/" in shown
    assert "/admin/delivery/apikey/add/" in shown
    written()
    assert "No email yet" not in text(anna.get(HOME))


def test_bars_count_whole_emails_and_latencies_are_parts_of_seconds(anna: Client) -> None:
    email = written("one", status="sent", provider="ses")
    Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="accepted", latency_ms=500)
    charts = anna.get("/admin/").context["charts"]
    upward = [
        (chart.type, json.loads(chart.options)["scales"]["y"]["ticks"].get("precision")) for chart in charts
    ]
    assert set(upward) == {("bar", 0), ("line", None)}


def test_who_and_where_most_fails_is_named(anna: Client) -> None:
    for number in range(2):
        email = written(to=(f"a{number}@dead.example",), status="failed", from_address="Shop@example.org")
        email.recipients.update(status="bounced")
    answer = anna.get(HOME)
    assert (answer.context["senders"][0][:2], answer.context["domains"][0][:2]) == (
        ("shop@example.org", 2),
        ("dead.example", 2),
    )
    for _, count, link in (*answer.context["senders"], *answer.context["domains"]):
        assert len(anna.get(link).context["cl"].result_list) == count


def test_no_query_of_the_dashboard_reads_the_whole_log(anna: Client) -> None:
    a_month()
    with CaptureQueriesContext(connection) as asked:
        anna.get(f"{HOME}?span=30d")
    with connection.cursor() as cursor:
        for query in [each["sql"] for each in asked if "delivery_email" in each["sql"]]:
            if connection.vendor != "sqlite" or query.startswith(("SAVEPOINT", "RELEASE")):
                continue
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
            plan = [row[3] for row in cursor.fetchall()]
            assert not [
                step for step in plan if re.match(r"SCAN (delivery_email|delivery_recipient|U\d)$", step)
            ], query


def test_causes_are_told_apart_by_status_and_words() -> None:
    one, other = (
        written(status="failed", reason="ses: 550 5.1.1 no"),
        written(status="expired", reason="ses: 550 5.1.1 no"),
    )
    same = written(status="failed", reason="SES: 551 5.1.2 no")
    assert causes.key_of(one) == causes.key_of(same) != causes.key_of(other)
