"""No field of a request takes another type of JSON than its own: 1.0, "1" and true are no numbers of a version."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from rest_framework import serializers

import api as package
from api.serializers import StrictSerializer
from tests import fakes

CONVERT = (
    serializers.IntegerField,
    serializers.FloatField,
    serializers.DecimalField,
    serializers.BooleanField,
    serializers.CharField,
    serializers.UUIDField,
    serializers.DateTimeField,
)


def below(parent: type) -> Iterator[type]:
    for each in parent.__subclasses__():
        yield each
        yield from below(each)


def test_no_field_of_a_request_is_one_of_those_that_convert() -> None:
    for module in pkgutil.walk_packages(package.__path__, "api."):
        importlib.import_module(module.name)
    requests: Any = set(below(StrictSerializer))
    assert len(requests) > 20
    assert [
        (each.__name__, name)
        for each in requests
        for name, field in each._declared_fields.items()
        if isinstance(field, CONVERT)
    ] == []


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["1", 1.0, True, [1], {"a": 1}])
def test_a_version_is_a_whole_number(api: fakes.Api, wrong: Any) -> None:
    api.post("templates/", {"name": "Order", "slug": "order"})
    api.post("templates/order/versions/", {"subject": "s", "html": "<p>Hi</p>"})
    for verb in ("publish", "render"):
        answer = api.post(f"templates/order/{verb}/", {"version": wrong})
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["field"], error["code"]) == (400, "version", "wrong_type")
    assert api.get("templates/order/").json()["published"] == []


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [0, -1, 10**9])
def test_a_version_has_its_bounds(api: fakes.Api, wrong: int) -> None:
    api.post("templates/", {"name": "Order", "slug": "order"})
    error = api.post("templates/order/publish/", {"version": wrong}).json()["errors"][0]
    assert (error["code"], error["message"]) == ("invalid_value", "must lie between 1 and 999,999,999.")


@pytest.mark.django_db
def test_an_id_is_a_text(api: fakes.Api) -> None:
    contact = api.post("contacts/", {"email": "ann@example.org"}).json()["id"]
    group = api.post("groups/", {"name": "News"}).json()["id"]
    answer = api.post(f"groups/{group}/members/", {"contact": UUID(contact).int % 10**19})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "wrong_type")
    answer = api.post("groups/", {"name": "Other", "signature": 1})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "wrong_type")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("groups/", {}),
        ("templates/", {"slug": "order"}),
        ("layouts/", {"slug": "order"}),
        ("signatures/", {"match": "from_domain", "match_value": "example.org", "html": "<p>Ann</p>"}),
        ("mailings/", {"subject": "s", "html": "<p>Hi</p>", "from_address": "me@example.org"}),
    ],
)
def test_a_name_turns_no_direction_of_writing(api: fakes.Api, path: str, more: dict[str, str]) -> None:
    if path == "mailings/":
        more = {**more, "group": api.post("groups/", {"name": "News"}).json()["id"]}
    made = api.post(path, {"name": " Shop\u202egpj\u2066\u200f ", **more})
    assert (made.status_code, made.json()["name"]) == (201, "Shopgpj")
    where = f"{fakes.V1}{path}{made.json()['id']}/"
    changed = api.client.patch(where, {"name": "\u202eX"}, "application/json", headers=api.headers)
    assert changed.json()["name"] == "X"
    for nothing in ("\u202e", "   ", "\u200b", "\ufeff\u2060"):
        empty = api.post(path, {"name": nothing, **more})
        assert (empty.status_code, empty.json()["errors"][0]["code"]) == (400, "empty")
