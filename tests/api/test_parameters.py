"""Query parameters: one that a path does not read is refused, on every path and with every method."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from api import fields, urls
from api.serializers import StrictSerializer
from delivery.access import keys
from delivery.models import Import
from tests import fakes
from tests.api import document
from tests.api.document import documented, filled
from tests.urls import paths

pytestmark = pytest.mark.django_db
# Strangers ask these: vendors, monitors, and the second origin's clients, of whom all that is more is ignored.
OPEN = {"health_live", "health_ready", "receive_events", "post_email"}


def ask(api: fakes.Api, method: str, path: str, **query: str) -> Any:
    kind = "text/csv" if path.endswith("/suppressions/import/") else "application/json"
    body = {} if method == "get" else {"data": b"{}", "content_type": kind}
    return getattr(api.client, method)(f"{path}?{urlencode(query)}", headers=api.headers, **body)


def refused(answer: Any) -> list[str]:
    """Return the parameters that an answer refuses because nobody reads them."""
    errors = answer.json().get("errors", []) if answer.status_code == 400 else []
    return [one["field"] for one in errors if one["code"] == "unknown_field"]


@pytest.fixture
def operations() -> dict[str, tuple[str, str, set[str]]]:
    """Return method, path and the parameters of the query of each operation."""
    return {
        one["operationId"]: (
            method,
            filled(path),
            {each["name"] for each in one.get("parameters", []) if each["in"] == "query"},
        )
        for path, method, one in documented()
    }


def test_what_nobody_reads_is_refused_everywhere(api: fakes.Api, operations: Any) -> None:
    silent = []
    for name, (method, path, _) in operations.items():
        answer = ask(api, method, path, nonsense="1")
        told = answer.json().get("message", "") if answer.status_code == 400 else ""
        if name not in OPEN and refused(answer) != ["nonsense"] and "nonsense: is not" not in told:
            silent.append((name, answer.status_code))
    assert silent == []


def test_what_is_documented_is_read(api: fakes.Api, operations: Any) -> None:
    deaf = [
        (name, each)
        for name, (method, path, known) in operations.items()
        for each in known
        if each in refused(ask(api, method, path, **{each: "1"}))
    ]
    assert deaf == []


def test_every_path_is_documented_or_known(operations: Any) -> None:
    """So that no path is missing above."""
    found = {one for one in paths(urls.urlpatterns) if one.startswith("api/") and one.endswith("/")}
    assert (
        len({path for _, path, _ in operations.values()}) >= len(found) - 4
    )  # the root, schema, docs, error-codes


def test_error_codes_take_none(client: Client) -> None:
    assert refused(client.get(f"{fakes.V1}error-codes/?x=1")) == ["x"]


def test_a_key_without_the_scope_hears_of_that_first(client: Client) -> None:
    token = keys.issue("shop", scopes=["emails.read"])[1]
    answer = client.get(f"{fakes.V1}members/?x=1", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["code"] == "scope_missing"
    assert client.get(f"{fakes.V1}members/?x=1").status_code == 401
    assert client.put(
        f"{fakes.V1}members/?x=1", headers={"Authorization": f"Bearer {token}"}
    ).status_code in {403, 405}


def test_one_that_is_given_twice_or_misspelt_is_named(api: fakes.Api) -> None:
    answer = api.client.post(f"{fakes.V1}send-email/?dryrun=true", headers=api.headers)
    assert "Did you mean dry_run?" in answer.json()["message"]
    answer = api.client.delete(f"{fakes.V1}keys/abcdefgh/?waiting=send&waiting=cancel", headers=api.headers)
    assert answer.json()["errors"][0]["code"] == "duplicate_field"


# What is true or false: neither empty nor null, by which nobody knows what was meant.


def strict(of: type[Any] = StrictSerializer) -> Iterator[type[Any]]:
    yield of
    for each in of.__subclasses__():
        yield from strict(each)


SWITCHES = sorted(
    {
        (serializer, name)
        for serializer in strict()
        for name, field in serializer._declared_fields.items()
        if isinstance(field, fields.Switch)
    },
    key=str,
)


@pytest.mark.parametrize(("serializer", "name"), SWITCHES, ids=lambda part: getattr(part, "__name__", part))
@pytest.mark.parametrize("empty", ["", None, "no", 0, 1, [], {}])
def test_a_switch_of_a_body_is_never_empty(serializer: Any, name: str, empty: Any) -> None:
    asked = serializer(data={name: empty})
    assert not asked.is_valid()
    assert "must be true or false" in str(asked.errors[name])


def test_all_that_is_documented_as_one_is_one(operations: Any) -> None:
    whole = document.whole()
    shapes = whole["components"]["schemas"]
    contents = [
        each.get("requestBody", {}).get("content", {})
        for methods in whole["paths"].values()
        for each in methods.values()
    ]
    asked = {
        media["schema"].get("$ref", "").rpartition("/")[2]
        for content in contents
        for media in content.values()
    }
    bodies = {
        name
        for shape in asked - {""}
        for name, field in shapes[shape].get("properties", {}).items()
        if field.get("type") == "boolean"
    }
    assert bodies <= {name for _, name in SWITCHES}


def test_a_switch_of_a_query_is_never_empty(api: fakes.Api) -> None:
    silent = []
    for path, method, one in documented():
        for each in one.get("parameters", []):
            if each["in"] == "query" and each["schema"].get("type") == "boolean":
                known = {p["name"] for p in one["parameters"]}
                way = {"format": "csv"} if {"format", "for_spreadsheet"} <= known else {}
                answer = ask(api, method, filled(path), **{each["name"]: "", **way})
                named = answer.status_code == 400 and "must be true or false" in answer.json()["message"]
                if not named and "{" not in path:
                    silent.append((method, path, each["name"], answer.content))
    assert silent == []


def test_an_import_with_an_empty_dry_run_brings_nothing(api: fakes.Api) -> None:
    file = SimpleUploadedFile("people.csv", b"email\nann@example.org\n", "text/csv")
    form = {"file": file, "dry_run": ""}
    answers = [
        api.client.post(f"{fakes.V1}imports/", form, headers=api.headers),
        api.client.post(
            f"{fakes.V1}imports/?dry_run=", b"email\n", content_type="text/csv", headers=api.headers
        ),
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert [answer.json()["errors"][0]["field"] for answer in answers] == ["dry_run"] * 2
    assert not Import.objects.exists()
