"""erasures/ and people/: a team forgets, and gives out what it keeps of a person."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.erasure import forget, people, reach
from delivery.models import Attempt, AuditEntry, Email, Erasure, Suppression, Team
from delivery.submission import emails
from tests import fakes
from tests.delivery.events import told
from tests.delivery.factories import draft

pytestmark = pytest.mark.django_db
WHO = "zenobia@canary.example"


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ("k" * 32,)


def of(team: str, *scopes: str) -> fakes.Api:
    return fakes.Api(Client(), keys.issue(team, scopes=scopes or [Scope.ERASURE_WRITE, Scope.EMAILS_SEND])[1])


def erase(api: fakes.Api, address: str = WHO) -> Any:
    return api.post("erasures/", json.dumps({"address": address}))


def export(api: fakes.Api, address: str = WHO) -> Any:
    return json.loads(b"".join(api.get("people/", address=address).streaming_content))


def test_a_person_is_forgotten_and_the_answer_proves_it(providers: None) -> None:
    api = of("shop")
    api.send(to_addresses=[WHO], subject="Hello Zenobia")
    answer = erase(api, WHO.upper())
    body = answer.json()
    assert (answer.status_code, body["state"], body["counts"]["emails"]) == (201, "done", 1)
    assert answer["Location"].endswith(f"/erasures/{body['id']}/")
    assert body["by"].startswith("gm_live_")
    assert WHO not in answer.content.decode()
    row = Email.objects.get()
    assert (row.subject, row.recipients.get().address) == ("", body["person"])
    assert api.get(f"erasures/{body['id']}/").json()["counts"] == body["counts"]
    assert [each["id"] for each in api.get("erasures/").json()["results"]] == [body["id"]]
    entry = AuditEntry.objects.get(action="erasure.made")
    assert (entry.object_id, entry.actor_kind, entry.after) == (
        body["id"],
        "key",
        {"person": body["person"], "everywhere": False},
    )


def test_what_has_to_wait_is_answered_with_202_and_goes_on(providers: None) -> None:
    api = of("shop")
    api.send(to_addresses=[WHO])
    Email.objects.update(status="sending", lease_until=timezone.now())
    answer = erase(api)
    body = answer.json()
    assert (answer.status_code, body["state"]) == (202, "waiting")
    assert "Emails of this person that are being sent, or go to others: 1." in body["waits_for"]
    assert erase(api).json()["id"] == body["id"]
    assert Erasure.objects.count() == 1


def test_another_teams_erasure_is_a_missing_one() -> None:
    mine, others = of("shop"), of("bank")
    pk = erase(others).json()["id"]
    assert mine.get(f"erasures/{pk}/").content == mine.get(f"erasures/{uuid4()}/").content
    assert mine.get(f"erasures/{pk}/").status_code == mine.get("erasures/x/").status_code == 404
    assert mine.get("erasures/").json()["results"] == []


def test_the_operators_erasures_are_no_teams() -> None:
    api = of("shop")
    row = forget.start(people.find(WHO), reach.EVERYWHERE, by="operator")
    assert api.get(f"erasures/{row.pk}/").status_code == 404


@pytest.mark.parametrize("path", ["erasures/", f"people/?address={WHO}"])
def test_it_needs_its_scope(path: str) -> None:
    everything_else = [scope for scope in Scope.values if scope != Scope.ERASURE_WRITE]
    assert of("shop", *everything_else).get(path).status_code == 403


@pytest.mark.parametrize("body", ['{"address": "nobody"}', "{}", '{"address": "a@example.org", "x": 1}'])
def test_bad_input_changes_nothing(body: str) -> None:
    assert of("shop").post("erasures/", body).status_code == 400
    assert not Erasure.objects.exists()


def test_without_a_key_it_is_refused(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ()
    answer = erase(of("shop"))
    assert (answer.status_code, answer.json()["code"]) == (422, "erasure_not_set_up")


def test_all_that_is_kept_of_a_person_is_given_out(providers: None) -> None:
    api, other = of("shop"), of("bank")
    for each in (api, other):
        each.send(to_addresses=[f"Zenobia <{WHO}>", "bob@example.org"], subject="Hi", metadata={"who": WHO})
    team = Team.objects.get(name="shop")
    told.tell(Attempt.objects.filter(email__team=team).get(), "delivered", recipient=WHO)
    Suppression.objects.create(team=team, address=WHO, kind="manual")
    emails.send(draft(text=f"{WHO} has signed up"), team=team)

    given = export(api, f" {WHO.upper()} ")
    (email,) = given["emails"]
    assert (email["subject"], email["recipients"][0]["name"]) == ("Hi", "Zenobia")
    assert [event["kind"] for event in email["events"]] == ["delivered"]
    assert len(email["recipients"]) == len(email["attempts"]) == len(given["suppressions"]) == 1
    (mention,) = given["mentions"]
    assert (mention["table"], mention["texts"]) == ("delivery_email", {"text_body": f"{WHO} has signed up"})
    assert "bob@example.org" not in json.dumps(given)


def test_after_an_erasure_only_what_stays_is_given_out(providers: None) -> None:
    api = of("shop")
    api.send(to_addresses=[WHO], subject="Hi")
    mark = erase(api).json()["person"]
    given = export(api)
    assert [each["recipients"][0]["address"] for each in given["emails"]] == [mark]
    assert given["emails"][0]["subject"] == ""
    assert given["mentions"] == []


def test_nobody_is_no_address() -> None:
    answer = of("shop").get("people/", address="nobody")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "address")
    assert of("shop").get("people/", adress=WHO).status_code == 400
