"""contacts/ and groups/: a team's people, seen by that team alone, and nobody brought back in silence."""

from typing import Any

import pytest
from django.test import Client

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import AuditEntry, Contact, Group, Membership, Signature, Team
from tests import fakes

pytestmark = pytest.mark.django_db
MISSING = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def other(db: None) -> fakes.Api:
    """A client of another team."""
    return fakes.Api(Client(), keys.issue("others", scopes=Scope.values)[1])


def patch(api: fakes.Api, path: str, body: dict[str, Any]) -> Any:
    return api.client.patch(fakes.V1 + path, body, content_type="application/json", headers=api.headers)


def delete(api: fakes.Api, path: str) -> Any:
    return api.client.delete(fakes.V1 + path, headers=api.headers)


def made(api: fakes.Api, **fields: Any) -> str:
    answer = api.post("contacts/", {"email": "Ann@Example.org", **fields})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def group(api: fakes.Api, name: str = "News") -> str:
    answer = api.post("groups/", {"name": name})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def test_a_contact_is_made_read_changed_and_deleted(api: fakes.Api) -> None:
    pk = made(api, first_name="Ann", locale="de_AT", data={"city": "Wien", "points": 5})
    assert api.get(f"contacts/{pk}/").json() | {"created_at": 0, "changed_at": 0} == {
        "success": True,
        "message": "The contact",
        "id": pk,
        "email": "Ann@example.org",
        "first_name": "Ann",
        "last_name": "",
        "name": "",
        "locale": "de-AT",
        "data": {"city": "Wien", "points": 5},
        "created_at": 0,
        "changed_at": 0,
    }
    changed = patch(api, f"contacts/{pk}/", {"first_name": "", "last_name": "Lee"}).json()
    assert (changed["first_name"], changed["last_name"], changed["data"]["city"]) == ("", "Lee", "Wien")
    assert delete(api, f"contacts/{pk}/").status_code == 204
    assert list(
        AuditEntry.objects.filter(object_kind="contact").order_by("id").values_list("action", flat=True)
    ) == [*("contact.created", "contact.changed", "contact.deleted")]


def test_an_address_is_one_contact_however_it_is_written(api: fakes.Api) -> None:
    made(api)
    again = api.post("contacts/", {"email": "ann@EXAMPLE.org"})
    assert (again.status_code, again.json()["code"]) == (409, "contact_exists")


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"email": "nobody"}, "email", "invalid_address"),
        ({"data": []}, "data", "wrong_type"),
        ({"data": {"x": "y" * 17_000}}, "data", "too_long"),
        ({"locale": "Deutsch, bitte"}, "locale", "invalid_value"),
        ({"first_name": "x" * 256}, "first_name", "too_long"),
        ({"firstname": "Ann"}, "firstname", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    api: fakes.Api, fields: dict[str, Any], field: str, code: str
) -> None:
    answer = api.post("contacts/", {"email": "ann@example.org", **fields})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert (answer.json()["errors"][0]["code"], Contact.objects.count()) == (code, 0)


def test_contacts_are_listed_newest_first_and_filtered(api: fakes.Api) -> None:
    first, second = made(api), made(api, email="bob@example.org")
    news = group(api)
    api.post(f"groups/{news}/members/", {"contact": second})
    assert [row["id"] for row in api.get("contacts/").json()["results"]] == [second, first]
    for query, found in (
        ({"email": "ANN@example.org"}, [first]),
        ({"q": "bo"}, [second]),
        ({"group": news}, [second]),
        ({"group": MISSING}, []),
        ({"email": "a"}, []),
    ):
        assert [row["id"] for row in api.get("contacts/", **query).json()["results"]] == found, query
    assert api.get("contacts/", mail="x").json()["errors"][0]["code"] == "unknown_field"


def test_a_list_is_a_file_if_that_is_asked_for(api: fakes.Api) -> None:
    pk, news = made(api, data={"city": "Wien"}), group(api)
    api.post(f"groups/{news}/members/", {"contact": pk})
    exact = "email,first_name,last_name,name,locale,city\r\nAnn@example.org,,,,,Wien\r\n"
    for answer in (
        api.get("contacts/export/"),
        api.get("contacts/", format="csv"),
        api.client.get(f"{fakes.V1}contacts/", headers=api.headers | {"Accept": "text/csv"}),
        api.get("contacts/export/", group=news),
    ):
        assert b"".join(answer.streaming_content).decode() == exact
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    members = b"".join(api.get(f"groups/{news}/members/", format="csv").streaming_content).decode()
    assert members.splitlines()[1].startswith("Ann@example.org,,,,,Wien,subscribed,2")
    assert api.get("contacts/export/", delimiter="x").json()["errors"][0]["field"] == "delimiter"


def test_a_group_is_made_read_changed_and_deleted(api: fakes.Api) -> None:
    pk = group(api)
    changed = patch(api, f"groups/{pk}/", {"from_address": "Lee, Ann <a@example.org>", "unsubscribe": False})
    assert changed.json()["from_address"] == '"Lee, Ann" <a@example.org>'
    assert api.get(f"groups/{pk}/").json()["members"] == {"subscribed": 0, "unsubscribed": 0, "removed": 0}
    assert api.post("groups/", {"name": "News"}).json()["code"] == "group_exists"
    assert patch(api, f"groups/{pk}/", {"from_address": "nobody"}).status_code == 400
    assert delete(api, f"groups/{pk}/").status_code == 204


def test_a_sender_is_refused_that_would_be_too_long_in_its_quotes(api: fakes.Api) -> None:
    path, name = f"groups/{group(api)}/", 'he said "x" ' * 20
    fits = patch(api, path, {"from_address": f"{name} <a@example.org>"})
    assert fits.status_code == 200
    quotes = patch(
        api, path, {"from_address": '"' + '\\"' * 250 + '" <' + "a" * 60 + "@" + "b" * 60 + ".org>"}
    )
    assert quotes.json()["errors"][0]["code"] == "too_long"


def test_a_group_has_a_signature_of_its_own_team(api: fakes.Api) -> None:
    shop = Team.objects.get(name="tests")
    ours, theirs = (Signature.objects.create(team=team, name="S", match="group") for team in (shop, None))
    path = f"groups/{group(api)}/"
    assert patch(api, path, {"signature": str(ours.pk)}).json()["signature"] == str(ours.pk)
    assert patch(api, path, {"signature": str(theirs.pk)}).status_code == 404
    assert patch(api, path, {"signature": ""}).json()["signature"] is None


def test_an_address_joins_a_group_once(api: fakes.Api) -> None:
    path = f"groups/{group(api)}/members/"
    answers = [api.post(path, {"email": email}) for email in ("ann@example.org", "Ann@example.org")]
    assert [answer.status_code for answer in answers] == [201, 200]
    member = answers[0].json()
    assert (member["contact"]["email"], member["status"], member["by"]) == (
        "ann@example.org",
        "subscribed",
        "api",
    )
    assert api.post(path, {}).json()["errors"][0]["field"] == "contact"


def test_the_members_of_a_group_are_filtered(api: fakes.Api) -> None:
    path = f"groups/{group(api)}/members/"
    for name in ("ann", "eve"):
        api.post(path, {"email": f"{name}@example.org"})
    assert Membership.objects.filter(contact__email="eve@example.org").update(status="unsubscribed")
    for filters, emails in (
        ({"email": "Ann@example.org"}, ["ann@example.org"]),
        ({"status": "unsubscribed"}, ["eve@example.org"]),
        ({"status": "subscribed", "email": "eve@example.org"}, []),
    ):
        answer = api.get(path, **filters)
        assert answer.status_code == 200, answer.content
        assert [member["contact"]["email"] for member in answer.json()["results"]] == emails
    assert [api.get(path, **wrong).status_code for wrong in ({"status": "x"}, {"mail": "x"})] == [400, 400]


def test_a_member_whose_id_is_none_is_missing(api: fakes.Api) -> None:
    pk, news = made(api), group(api)
    missing = api.get(f"groups/{news}/members/{pk}/")
    for named in ("x", "0", "%00", "9" * 40):
        path = f"groups/{news}/members/{named}/"
        for answer in (api.get(path), delete(api, path), patch(api, path, {"status": "subscribed"})):
            assert (answer.status_code, answer.content) == (404, missing.content)


def test_who_has_unsubscribed_comes_back_by_a_resubscription_alone_which_is_recorded(api: fakes.Api) -> None:
    pk, news = made(api), group(api)
    path, one = f"groups/{news}/members/", f"groups/{news}/members/{pk}/"
    api.post(path, {"contact": pk})
    assert patch(api, one, {"status": "unsubscribed"}).json()["status"] == "unsubscribed"
    for answer in (
        api.post(path, {"contact": pk}),
        patch(api, one, {"status": "subscribed"}),
        patch(api, one, {"status": "removed", "resubscribe": True}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "unsubscribed")
    assert delete(api, one).status_code == 204
    assert Membership.objects.get().status == "unsubscribed"
    back = patch(api, one, {"status": "subscribed", "resubscribe": True})
    assert (back.status_code, back.json()["status"]) == (200, "subscribed")
    entry = AuditEntry.objects.get(action="contact.resubscribed")
    assert (entry.object_id, entry.after["group"]) == (pk, news)


def test_another_teams_things_are_as_missing_as_what_never_was(api: fakes.Api, other: fakes.Api) -> None:
    pk, news = made(api), group(api)
    api.post(f"groups/{news}/members/", {"contact": pk})
    for path in ("contacts/{}/", "groups/{}/", "groups/{}/members/", f"groups/{{}}/members/{pk}/"):
        for method in ("GET", "PATCH", "DELETE", "POST"):
            theirs, missing = (
                other.client.generic(
                    method,
                    fakes.V1 + path.format(each),
                    "{}",
                    content_type="application/json",
                    headers=other.headers,
                )
                for each in (pk if path.startswith("contacts") else news, MISSING)
            )
            if theirs.status_code not in (400, 405):
                assert (theirs.status_code, theirs.content) == (404, missing.content)
    ours = group(other, "Ours")
    assert other.post(f"groups/{ours}/members/", {"contact": pk}).status_code == 404
    assert (
        other.get("contacts/").json()["results"] == other.get("contacts/", group=news).json()["results"] == []
    )
    assert (Contact.objects.count(), Group.objects.count()) == (1, 2)


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, application/json;q=0.9", True),
        ("application/json;q=0.2, text/csv;q=0.8", True),
        ("text/html, text/csv", True),
        ("text/csv, */*;q=0.1", True),
        ("text/csv;q=0", False),
        ("text/csv;q=0.1, */*", False),
        ("application/json, text/csv", False),
        ("application/json, text/csv;q=0.5", False),
        ("text/csvx", False),
        ("*/*", False),
        ("text/csv;q=much", False),
    ],
)
def test_accept_is_weighed(api: fakes.Api, accept: str, is_csv: bool) -> None:
    answer = api.client.get(f"{fakes.V1}contacts/", headers=api.headers | {"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/csv") is is_csv
