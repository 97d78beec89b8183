"""Incidents in the admin: for the operator, who sees what is open first, and says that he knows."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from delivery.db import clock
from delivery.models import Alert, AuditEntry, Incident, Member, Team
from tests.delivery.admin.pages import text

pytestmark = pytest.mark.django_db
LIST = "admin:delivery_incident_changelist"


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def opened(**fields: object) -> Incident:
    given = {"kind": "account", "subject": "ses", "said": "The account of ses cannot send.", **fields}
    return Incident.objects.create(**given)


def page(incident: Incident, name: str = "change") -> str:
    return reverse(f"admin:delivery_incident_{name}", args=[incident.pk])


def test_what_is_open_stands_on_the_dashboard_what_nobody_has_acknowledged_first(operator: Client) -> None:
    assert "Incidents all that are open" not in text(operator.get("/admin/"))
    opened(kind="disk", subject="web-1", acknowledged_at=clock.now(), acknowledged_by="ann")
    opened()
    opened(kind="clock", subject="web-2", closed_at=clock.now())
    shown = text(operator.get("/admin/"))

    assert shown.index("an account cannot send (ses)") < shown.index("a disk is full")
    assert "web-2" not in shown


def test_an_incident_is_acknowledged_once_and_people_are_reminded_no_more(operator: Client) -> None:
    incident = opened(told="opened", tell_at=clock.now())
    asked = text(operator.get(page(incident, "acknowledge")))
    assert "People are not reminded of it any more." in asked
    for _ in range(2):
        operator.post(page(incident, "acknowledge"))

    incident.refresh_from_db()
    assert (incident.acknowledged_by, incident.tell_at) == ("root", None)
    entry = AuditEntry.objects.get(action="incident.acknowledged")
    assert (entry.actor_name, entry.object_id, entry.team_id) == ("root", str(incident.pk), None)
    assert "acknowledged" in text(operator.get(page(incident)))


def test_its_page_tells_when_people_were_told_what(operator: Client) -> None:
    incident = opened(told="opened", not_told="URL 2 (mailto://…)")
    alert = Alert.objects.create(incident=incident, word="opened")
    shown = text(operator.get(page(incident)))

    assert "The account of ses cannot send." in shown
    assert "URL 2 (mailto://…)" in shown
    assert f"{alert.at:%d %b %Y %H:%M:%S} UTC just now it is there" in shown


def test_its_page_leads_to_what_to_do(operator: Client) -> None:
    of_a_provider, of_a_disk = opened(), opened(kind="disk", subject="web-1", said="It is full.")
    assert "What to do docs/alerts.md#account · Providers" in text(operator.get(page(of_a_provider)))
    shown = text(operator.get(page(of_a_disk)))
    assert "What to do docs/alerts.md#disk Since" in shown


@pytest.mark.parametrize(("state", "found"), [("open", "ses"), ("over", "web-2")])
def test_the_list_keeps_those_that_are_open_or_over(operator: Client, state: str, found: str) -> None:
    opened()
    opened(kind="clock", subject="web-2", closed_at=clock.now())
    rows = operator.get(reverse(LIST), {"state": state}).context["cl"].result_list

    assert [row.subject for row in rows] == [found]


def test_nobody_else_sees_them() -> None:
    user = User.objects.create_user("anna", is_staff=True)
    Member.objects.create(team=Team.objects.create(name="shop"), user=user, role="owner")
    client = Client()
    client.force_login(user)
    incident = opened()

    assert "ses cannot send" not in text(client.get("/admin/"))
    assert client.get(reverse(LIST)).status_code == 403
    assert client.post(page(incident, "acknowledge")).status_code == 403
    incident.refresh_from_db()
    assert incident.acknowledged_at is None
