"""The OpenAPI document is whole, and the service does as it says."""

import os
from collections.abc import Iterator
from contextlib import closing, nullcontext
from functools import cache
from io import StringIO
from typing import Any

import pytest
import requests
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import authentication, error_codes
from gomail.wsgi import application
from tests import fakes
from tests.api.document import whole

pytestmark = pytest.mark.django_db
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
PATHS = {"send-email/", "send-mail/", "emails/", "emails/{id}/", "providers/", "webhooks/"}
JSON, MULTIPART = "application/json", "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
OUTSIDE = {"/email", "/health/live", "/health/ready"}


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the test's transaction: a request to the WSGI application would close its connection."""
    monkeypatch.setattr(authentication, "close_old_connections", lambda: None)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def document() -> Any:
    return whole()


@cache
def described() -> Any:
    """Return what schemathesis makes of the document that the WSGI application sends."""
    return schemathesis.openapi.from_wsgi(fakes.V1 + "schema/", served)


def served(environ: Any, start_response: Any) -> list[bytes]:
    """Answer as a server does: it closes what it has sent, and only then its request has ended."""
    answer = application(environ, start_response)
    with closing(answer) if hasattr(answer, "close") else nullcontext():
        return [b"".join(answer)]


def test_the_document_is_made_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO(), stderr=StringIO())


def test_every_path_of_the_contract_is_documented_with_all_its_statuses(document: Any) -> None:
    assert {fakes.V1 + path for path in PATHS} | OUTSIDE <= document["paths"].keys()
    statuses = {"200", "202", "400", "401", "403", "405", "413", "500", "503"}
    for path in ("send-email/", "send-mail/"):
        operation = document["paths"][fakes.V1 + path]["post"]
        assert statuses <= operation["responses"].keys()
        assert operation["requestBody"]["content"].keys() == {JSON, MULTIPART, URLENCODED}
        assert operation["requestBody"]["required"] is True


def test_a_dry_run_fresh_answers_and_what_left_out_means_are_documented(document: Any) -> None:
    for path, name in (("send-email/", "dry_run"), ("send-mail/", "dry_run"), ("providers/", "fresh")):
        (operation,) = document["paths"][fakes.V1 + path].values()
        schemas = {one["name"]: one["schema"] for one in operation["parameters"]}
        assert schemas[name] == {"type": "boolean"}
    filters = {
        one["name"]: one["schema"] for one in document["paths"][fakes.V1 + "emails/"]["get"]["parameters"]
    }
    assert filters["possible_duplicate"] == {"type": "boolean"}
    email = document["components"]["schemas"]["Email"]["properties"]
    assert "not asked in the last round" in email["left_out"]["description"]
    assert document["paths"]["/health/ready"]["get"]["responses"].keys() == {"200", "503"}


def test_every_documented_path_answers(api: fakes.Api, document: Any) -> None:
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"get", "post", "put", "patch", "delete"}:
            url = path.replace("{id}", "018f0000-0000-7000-8000-000000000000")
            answer = api.client.generic(
                method.upper(), url, b"{}", content_type="application/json", headers=api.headers
            )
            assert str(answer.status_code) in operations[method]["responses"], (
                method,
                path,
                answer.status_code,
            )


def test_the_document_knows_each_path_once(document: Any) -> None:
    assert [path for path in document["paths"] if f"{path}/" in document["paths"]] == []


def test_the_form_of_the_document_has_every_field_and_files(document: Any) -> None:
    content = document["paths"][fakes.V1 + "send-email/"]["post"]["requestBody"]["content"]
    fields = document["components"]["schemas"]["DraftRequest"]["properties"].keys()
    multipart, urlencoded = (content[kind]["schema"]["properties"] for kind in (MULTIPART, URLENCODED))
    assert multipart.keys() == fields
    assert urlencoded.keys() == fields - {"attachments"}
    assert multipart["attachments"]["items"] == {"type": "string", "format": "binary"}


def test_every_example_can_be_sent_as_it_is_shown(api: fakes.Api, providers: None, document: Any) -> None:
    sent = 0
    for path, operations in document["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        for example in content.get(JSON, {}).get("examples", {}).values():
            answer = api.client.post(path, example["value"], content_type=JSON, headers=api.headers)
            assert answer.status_code in (200, 201, 202), (path, answer.content)
            assert answer.json().get("refused", 0) == 0
            sent += 1
    assert sent >= 6


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize(("path", "kind"), [("send-email/", MULTIPART), ("send-mail/", URLENCODED)])
def test_a_client_made_from_the_document_is_understood(
    api: fakes.Api, ses: fakes.FakeVendor, document: Any, path: str, kind: str
) -> None:
    schema = document["paths"][fakes.V1 + path]["post"]["requestBody"]["content"][kind]["schema"]
    filled = requests.Request("POST", "http://localhost", **as_a_client_fills_it_in(schema, kind)).prepare()
    answer = api.client.post(
        fakes.V1 + path, filled.body, content_type=filled.headers["Content-Type"], headers=api.headers
    )
    assert answer.status_code == 200, answer.content
    (arrived,) = ses.arrived()
    assert arrived.recipients == set(map(bare, schema["properties"]["to_addresses"]["example"]))
    files = [part.get_filename() for part in arrived.mime.iter_attachments()]
    assert files == (["0.txt", "1.txt"] if kind == MULTIPART else [])


def as_a_client_fills_it_in(schema: Any, kind: str) -> Any:
    """Return what OpenAPI's rules make of the schema: lists are repeated, what is binary is a file."""
    fields, files = [], []
    for name, field in schema["properties"].items():
        if field.get("items", {}).get("format") == "binary":
            files += [(name, (f"{number}.txt", b"content", "text/plain")) for number in range(2)]
        elif field["type"] == "array":
            fields += [(name, entry) for entry in field["example"]]
        else:
            fields.append((name, field["example"]))
    return {"data": fields, "files": files}


def bare(mailbox: str) -> str:
    return mailbox.rpartition("<")[2].rstrip(">")


EXAMPLES = 15 if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else 5
OPERATIONS = [
    (fakes.V1 + "send-email/", "POST"),
    (fakes.V1 + "send-mail/", "POST"),
    (fakes.V1 + "emails/", "GET"),
    (fakes.V1 + "emails/{id}/", "GET"),
    (fakes.V1 + "providers/", "GET"),
    (fakes.V1 + "webhooks/", "GET"),
    (fakes.V1 + "webhooks/", "POST"),
    (fakes.V1 + "webhooks/{id}/", "PATCH"),
    (fakes.V1 + "webhooks/{id}/replay/", "POST"),
    (fakes.V1 + "mailings/", "GET"),
    (fakes.V1 + "mailings/", "POST"),
    (fakes.V1 + "mailings/{id}/", "PATCH"),
    (fakes.V1 + "mailings/{id}/test/", "POST"),
    (fakes.V1 + "mailings/{id}/recipients/", "GET"),
    ("/email", "POST"),
]


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value
)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_generated_requests_are_answered_as_documented(
    api: fakes.Api, mode: GenerationMode, path: str, method: str
) -> None:
    @given(case=described()[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    def answer(case: schemathesis.Case) -> None:
        response = case.call(headers=api.headers)
        if response.status_code != 501:  # an id with a slash makes an unknown path
            case.validate_response(response, checks=CHECKS)

    answer()


def test_each_operation_belongs_to_a_described_resource_and_says_in_a_line_what_it_does(
    document: Any,
) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    described = [tag["name"] for tag in document["tags"] if tag["description"]]
    assert sorted({operation["tags"][0] for operation in operations}) == sorted(described)
    for name in ("operationId", "summary"):
        said = [operation[name] for operation in operations]
        assert len(set(said)) == len(said), name
    assert [said for operation in operations if "api_v1" in (said := operation["operationId"])] == []


def test_each_error_of_each_operation_has_an_example_from_the_registry(document: Any) -> None:
    errors = [
        (path, status, response["content"][JSON])
        for path, operations in document["paths"].items()
        if path != "/health/ready"  # whose 503 is no error of the request
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
    ]
    assert [(path, status) for path, status, content in errors if len(content.get("examples", {})) != 1] == []
    for path, status, content in errors:
        ((code, example),) = content["examples"].items()
        assert error_codes.REQUEST[code].status == int(status), (path, code)
        assert example["value"].get("code", code) == code
        assert all(one["code"] in error_codes.FIELD for one in example["value"].get("errors", []))


def test_the_root_links_to_all_that_can_be_read(api: fakes.Api) -> None:
    answer = Client().get(fakes.V1.rstrip("/"))
    assert answer.status_code == 200
    links = answer.json()["links"]
    assert links["docs"] == f"http://testserver{fakes.V1}docs/"
    for name, link in links.items():
        found = api.client.get(link.removeprefix("http://testserver"), headers=api.headers).status_code
        assert found in (200, 400, 405, 503), (name, found)  # a parameter is missing; one may only POST there
