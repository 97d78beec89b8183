"""suppressions/: seen, entered, let go, and kept from other teams."""

from typing import Any

import pytest
from django.test import Client

from delivery.access import keys
from delivery.db import clock
from delivery.models import Suppression, Team
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from tests import fakes

pytestmark = pytest.mark.django_db
BOB = "bob@example.org"


def add(address: str = BOB, kind: str = "hard_bounce", team: str | None = "tests", **changes: Any) -> Any:
    whose = Team.objects.get_or_create(name=team)[0].pk if team else None
    given = {"team_id": whose, "source": "ses", "at": clock.now(), "reason": "No such user"}
    return entries.add([Finding(address=address, kind=kind, **{**given, **changes})])[0]


def delete(api: fakes.Api, named: Any) -> Any:
    return api.client.delete(f"{fakes.V1}suppressions/{named}/", headers=api.headers)


def shown(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["address"] for row in answer.json()["results"]]


def test_a_person_is_not_named_to_clients(api: fakes.Api) -> None:
    add(source="admin", by="anna")
    assert api.get(f"suppressions/{BOB}/").json()["by"] == "person"


def test_an_address_that_no_database_stores_is_not_found(api: fakes.Api) -> None:
    add()
    assert [
        api.get("suppressions/bob%00@example.org/").status_code,
        delete(api, "bob%00@example.org").status_code,
    ] == [
        404,
        404,
    ]


@pytest.fixture
def another_team(db: None) -> fakes.Api:
    return fakes.Api(Client(), keys.issue("another team", scopes=keys.USUAL_SCOPES)[1])


def test_an_entry_is_made_seen_and_ended(api: fakes.Api) -> None:
    made = api.post("suppressions/", {"address": " Bob@Example.org", "reason": "Asked us by telephone"})
    assert made.status_code == 201
    told = made.json()
    assert {
        name: told[name] for name in ("address", "kind", "scope", "source", "count", "reason", "for_all")
    } == {
        "address": BOB,
        "kind": "manual",
        "scope": "all",
        "source": "api",
        "count": 1,
        "reason": "Asked us by telephone",
        "for_all": False,
    }
    assert told["by"].startswith("gm_live_")
    assert told["expires_at"] is None

    again = api.post("suppressions/", {"address": BOB})
    assert (again.status_code, again.json()["id"], again.json()["count"]) == (200, told["id"], 2)
    for named in (told["id"], BOB, "BOB@example.org"):
        assert api.get(f"suppressions/{named}/").json()["id"] == told["id"]
    assert delete(api, told["id"]).status_code == 204
    assert api.get(f"suppressions/{BOB}/").status_code == 404


def test_what_is_entered_keeps_mail_from_it_and_what_is_ended_does_not(
    api: fakes.Api, providers: None
) -> None:
    api.post("suppressions/", {"address": "ann@example.org"})
    assert api.send().json()["code"] == "all_suppressed"
    assert delete(api, "ann@example.org").status_code == 204
    assert api.send().status_code == 200


def test_an_address_shows_all_its_entries_and_is_ended_as_a_whole(api: fakes.Api) -> None:
    add()
    add(kind="unsubscribe", scope="list:news")
    told = api.get(f"suppressions/{BOB}/").json()
    assert (told["kind"], [row["scope"] for row in told["others"]]) == ("hard_bounce", ["list:news"])
    assert delete(api, BOB).status_code == 204
    assert not Suppression.objects.exists()


def test_an_address_with_a_slash_is_found(api: fakes.Api) -> None:
    add("a/b@example.org")
    assert api.get("suppressions/a%2Fb@example.org/").status_code == 200
    assert delete(api, "a%2Fb@example.org").status_code == 204


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["eve", "bob", "ann"]),
        ({"address": "BOB@example.org"}, ["bob"]),
        ({"kind": "complaint"}, ["bob"]),
        ({"scope": "list:news"}, ["eve"]),
        ({"source": "sendgrid"}, ["eve"]),
        ({"created_after": "2199-01-01T00:00:00Z"}, []),
        ({"created_before": "2199-01-01T00:00:00Z", "page_size": "2"}, ["eve", "bob"]),
    ],
)
def test_the_list_is_filtered_newest_first(api: fakes.Api, filters: dict[str, str], expected: Any) -> None:
    add("ann@example.org")
    add("bob@example.org", "complaint")
    add("eve@example.org", "unsubscribe", scope="list:news", source="sendgrid")
    answer = api.get("suppressions/", **filters)
    assert shown(answer) == [f"{name}@example.org" for name in expected]
    assert {"next", "previous", "message", "success"} <= answer.json().keys()


@pytest.mark.parametrize("filters", [{"kind": "fun"}, {"adress": BOB}, {"created_after": "soon"}])
@pytest.mark.parametrize("path", ["suppressions/", "suppressions/export/"])
def test_a_filter_that_is_none_is_refused(api: fakes.Api, path: str, filters: dict[str, str]) -> None:
    assert api.get(path, **filters).status_code == 400


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "address", "required"),
        ({"address": "bob"}, "address", "invalid_address"),
        ({"address": 5}, "address", "wrong_type"),
        ({"address": BOB, "kind": "fun"}, "kind", "invalid_choice"),
        ({"address": BOB, "scope": "some"}, "scope", "invalid_choice"),
        ({"address": BOB, "scope": "list:"}, "scope", "empty"),
        ({"address": BOB, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "invalid_value"),
        ({"address": BOB, "reason": "x" * 1001}, "reason", "too_long"),
        ({"address": BOB, "team": 5}, "team", "unknown_field"),
    ],
)
def test_an_entry_that_is_none_is_refused(api: fakes.Api, fields: Any, field: str, code: str) -> None:
    answer = api.post("suppressions/", fields)
    assert answer.status_code == 400
    assert [(row["field"], row["code"]) for row in answer.json()["errors"]] == [(field, code)]


def test_another_teams_entries_are_like_ones_that_do_not_exist(
    api: fakes.Api, another_team: fakes.Api
) -> None:
    theirs = add()
    missing = another_team.get("suppressions/01930000-0000-7000-8000-000000000000/")
    for named in (theirs.pk, BOB):
        for answer in (another_team.get(f"suppressions/{named}/"), delete(another_team, named)):
            assert (answer.status_code, answer.content) == (404, missing.content)
    assert shown(another_team.get("suppressions/")) == []
    assert BOB not in b"".join(another_team.get("suppressions/export/")).decode()
    assert another_team.post("suppressions/", {"address": BOB}).status_code == 201
    assert Suppression.objects.count() == 2


def test_entries_for_all_are_one_teams_own_and_with_several_teams_the_operators(
    api: fakes.Api, token: str
) -> None:
    add(team=None)
    assert shown(api.get("suppressions/")) == [BOB]

    Team.objects.create(name="another team")
    assert shown(api.get("suppressions/")) == []
    told = api.get(f"suppressions/{BOB}/").json()
    assert (told["address"], told["for_all"]) == (BOB, True)
    refused = delete(api, BOB)
    assert (refused.status_code, refused.json()["code"]) == (403, "suppressed_for_all")
    assert api.get(f"suppressions/{told['id']}/").status_code == 404

    Team.objects.filter(name="another team").delete()
    assert delete(api, BOB).status_code == 204


def test_without_keys_entries_for_all_are_everybodys(settings: Any) -> None:
    settings.API_KEY_REQUIRED = False
    nobody = fakes.Api(Client(), "")
    assert nobody.post("suppressions/", {"address": BOB}).status_code == 201
    assert shown(nobody.get("suppressions/")) == [BOB]
    assert delete(nobody, BOB).status_code == 204


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        (["send", "read"], (403, 403, 403, 403, 403)),
        (["suppressions.read"], (200, 200, 403, 403, 403)),
        (["suppressions.write"], (403, 403, 201, 200, 204)),
    ],
)
def test_reading_and_changing_need_scopes_of_their_own(scopes: list[str], statuses: Any) -> None:
    limited = fakes.Api(Client(), keys.issue("tests", scopes=scopes)[1])
    add()
    answers = (
        limited.get("suppressions/"),
        limited.get("suppressions/export/"),
        limited.post("suppressions/", {"address": "ann@example.org"}),
        limited.post("suppressions/import/", b"address\nx@example.org\n", "text/csv"),
        delete(limited, BOB),
    )
    assert tuple(answer.status_code for answer in answers) == statuses


def test_what_has_expired_is_not_there(api: fakes.Api) -> None:
    add()
    Suppression.objects.update(expires_at=clock.now())
    assert shown(api.get("suppressions/")) == []
    assert api.get(f"suppressions/{BOB}/").status_code == 404
    assert api.post("suppressions/", {"address": BOB, "kind": "hard_bounce"}).status_code == 201


def imported(api: fakes.Api, text: str, **query: str) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return api.post(f"suppressions/import/?{asked}", text.encode(), "text/csv")


def test_a_file_is_imported_with_a_result_for_each_row_and_a_dry_run_says_the_same(api: fakes.Api) -> None:
    add("known@example.org", "manual")
    text = "address,kind\nnew@example.org,\nknown@example.org,manual\nnonsense,manual\nNEW@example.org,\n"
    dry = imported(api, text, dry_run="true").json()
    assert Suppression.objects.count() == 1
    wet = imported(api, text).json()

    assert dry["results"] == wet["results"]
    assert [row["result"] for row in wet["results"]] == ["added", "known", "refused", "known"]
    assert [row["row"] for row in wet["results"]] == [2, 3, 4, 5]
    assert (wet["added"], wet["known"], wet["refused"], wet["format"]) == (1, 2, 1, "gomail")
    assert (dry["dry_run"], wet["dry_run"]) == (True, False)
    new = Suppression.objects.get(address="new@example.org")
    assert (new.source, new.team.name if new.team else None) == ("csv", "tests")


def test_a_file_comes_as_a_form_too(api: fakes.Api) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("bounces.csv", b"address\nx@example.org\n", "text/csv")
    url = f"{fakes.V1}suppressions/import/"
    answer = api.client.post(url, {"file": file, "dry_run": "true", "kind": "complaint"}, headers=api.headers)
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert answer.json()["results"][0]["kind"] == "complaint"
    assert api.client.post(url, {"dry_run": "true"}, headers=api.headers).json()["code"] == "malformed_csv"


@pytest.mark.parametrize("text", ["", "\n\n", "name,colour\nx,y\n", '"\n', "address\n\xff", "\0"])
def test_a_file_that_is_none_is_refused(api: fakes.Api, text: str) -> None:
    answer = api.post("suppressions/import/", text.encode("latin-1"), "text/csv")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_csv")


def test_the_export_is_safe_in_a_spreadsheet_and_can_be_imported_again(api: fakes.Api) -> None:
    add("=1+1@example.org", reason='=HYPERLINK("https://x.example")')
    add("-a@example.org", "unsubscribe", scope="list:=news", source="sendgrid", reason="one,\ntwo")
    answer = api.get("suppressions/export/")
    text = b"".join(answer).decode()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="suppressions.csv"'
    assert text.startswith('"address","kind","scope","reason","source","created_at","expires_at"\r\n')
    assert '\r\n"\'=1+1@example.org","hard_bounce","all","\'=HYPERLINK' in text

    before = list(
        Suppression.objects.order_by("address").values_list("address", "kind", "scope", "reason", "source")
    )
    Suppression.objects.all().delete()
    assert imported(api, text).json()["added"] == 2
    after = list(
        Suppression.objects.order_by("address").values_list("address", "kind", "scope", "reason", "source")
    )
    assert after == before
