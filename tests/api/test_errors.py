"""Every answer below /api/ has the contract's shape, whatever was asked."""

import ast
import errno
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

import api as package
from api import error_codes
from delivery.submission import emails
from tests import fakes
from tests.api.wire import shape_problem

pytestmark = pytest.mark.django_db
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO"]
V1 = fakes.V1
ONE_EMAIL = "emails/018f0000-0000-7000-8000-000000000000/"


def ask(api: fakes.Api, method: str, path: str, body: bytes = b"", **extra: Any) -> Any:
    client = Client(raise_request_exception=False)
    return client.generic(method, path, body, content_type="application/json", headers=api.headers, **extra)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/api",
            "/api/",
            "/api/x",
            "/api/v1",
            "/api/v2/email-service/send-email/",
            V1 + "send",
        ),
        *(
            V1 + "send-email/x",
            V1 + "send-email//",
            "/api//v1/email-service/send-email/",
            V1 + "emails/5/6",
            V1 + "emails/x/y/",
        ),
        *(
            V1 + "emails/018f0000-0000-7000-8000-000000000000/x",
            V1 + "..%2fsend-email/",
            "/api%2Fv1/",
            "/api/%2e%2e/admin/",
        ),
        *(
            "/api/%00",
            "/api/%ff%fe",
            "/api/%0a",
            "/api/a%0d%0ab",
            "/api/<script>",
            "/api/..;/x",
            "/api/" + "x" * 8000,
        ),
        *(
            "/api/?a=%ff",
            "/api/\u00e4",
            V1 + "SEND-EMAIL/",
            V1 + "docs/x",
            V1 + "schema.json",
            "/api/%ED%A0%80",
            "/api/*",
        ),
    ],
)
def test_an_unknown_path_is_501_for_every_method_and_body(api: fakes.Api, path: str) -> None:
    for method, body in [
        *zip(METHODS, cycle([b"", b"\xff" * 1000]), strict=False),
        ("POST", b""),
        ("GET", b"{}"),
    ]:
        answer = ask(api, method, path, body)
        assert answer.status_code == 501, method
        assert shape_problem(answer) == ""
        assert answer.json()["code"] == "unknown_path"
    assert ask(api, "HEAD", path).status_code == 501


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", {"GET", "HEAD"}),
        ("send-email/", {"POST"}),
        ("send-mail/", {"POST"}),
        ("emails/", {"GET", "HEAD"}),
        (ONE_EMAIL, {"GET", "HEAD", "PATCH"}),
        (ONE_EMAIL + "cancel/", {"POST"}),
        (ONE_EMAIL + "resend/", {"POST"}),
        ("batches/", {"POST"}),
        ("schema/", {"GET", "HEAD"}),
        ("docs/", {"GET", "HEAD"}),
        ("error-codes/", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_405_with_those_that_are_right(
    api: fakes.Api, path: str, allowed: set[str]
) -> None:
    for method in {*METHODS} - allowed:
        answer = ask(api, method, V1 + path, b"{}")
        assert (answer.status_code, shape_problem(answer), answer.json()["code"]) == (
            405,
            "",
            "method_not_allowed",
        ), method
        assert {*answer["Allow"].split(", ")} == allowed


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png", ";;;", "", "x" * 5000, "*/*;q=x", "\u00e4", "application/xml"]
)
def test_no_accept_header_keeps_an_answer_back(api: fakes.Api, accept: str) -> None:
    for path in ("emails/", "schema/", "docs/", "error-codes/"):
        assert ask(api, "GET", V1 + path, HTTP_ACCEPT=accept).status_code == 200
    for path in ("send-email/", "schema/", "docs/", "error-codes/", ONE_EMAIL):
        answer = ask(api, "PUT", V1 + path, HTTP_ACCEPT=accept)
        assert (answer.status_code, answer["Content-Type"]) == (405, "application/json")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "",
        "a b",
        "testserver:x",
        "[::1",
        "\x00",
        "testserver\r\nX: y",
        "testserver@evil",
        "testserver/x",
    ],
)
@pytest.mark.parametrize("path", [V1 + "emails/", V1 + "send-email/", "/api/x", "/email"])
def test_a_foreign_host_is_400(api: fakes.Api, path: str, host: str) -> None:
    answer = ask(api, "POST", path, HTTP_HOST=host)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert answer.json()["code"] == "malformed_request"


def test_a_forwarded_host_does_not_reach_a_link(
    api: fakes.Api, providers: None, ses: Any, sendgrid: Any
) -> None:
    ses.default, sendgrid.default = fakes.SES_SUSPENDED, fakes.SENDGRID_DOWN
    body = b'{"from_address": "me@example.org", "to_addresses": "ann@example.org", "subject": "Hello"}'
    answer = ask(
        api,
        "POST",
        V1 + "send-email/",
        body,
        HTTP_X_FORWARDED_HOST="evil.example",
        HTTP_FORWARDED="host=evil.example",
    )
    assert (answer.status_code, "evil" in str(answer.headers)) == (202, False)


@pytest.mark.parametrize(
    "query",
    ["version=a%0d%0aX:%20y", "version=%22%3B", "format=html", "lang=%00", "%00=%ff", "version=%C3%A4"],
)
def test_a_hostile_query_changes_nothing_of_the_pages(api: fakes.Api, query: str) -> None:
    for path in ("schema/", "docs/"):
        assert ask(api, "GET", f"{V1}{path}?{query}").status_code == 200
    refused = ask(api, "GET", f"{V1}error-codes/?{query}")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "unknown_field")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["templates/%00/", "templates/a%00b/versions/1/", "keys/%00/", "keys/%00/rotate/", "emails/%00/"],
)
def test_nothing_is_at_a_path_with_a_nul(api: fakes.Api, method: str, path: str) -> None:
    answer = ask(api, method, V1 + path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_bug_is_500_in_the_contracts_shape_and_tells_nothing(
    api: fakes.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(emails, "send", bug)
    answer = ask(api, "POST", V1 + "send-email/", b'{"to_addresses": "ann@example.org"}')
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/json")
    assert answer.json() == {
        "success": False,
        "message": error_codes.REQUEST["internal"].meaning,
        "code": "internal",
        "errors": [],
    }


def test_a_database_that_is_away_is_503_with_retry_after(
    api: fakes.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("connection to server at 10.0.0.1 failed")

    monkeypatch.setattr(emails, "send", away)
    answer = ask(api, "POST", V1 + "send-email/", b'{"to_addresses": "ann@example.org"}')
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")
    assert "10.0.0.1" not in answer.content.decode()


def test_what_a_client_wrote_is_repeated_in_short(api: fakes.Api) -> None:
    for body in ({"x" * 5_000_000: 1}, {"on_ambiguous": "x" * 5_000_000}, {"from_address": "x" * 5_000_000}):
        assert len(api.send(**body).content) < 2000
    doubled = '{"%s": 1, "%s": 2}' % (("x" * 1_000_000,) * 2)
    assert len(api.post("send-email/", doubled).content) < 2000


def test_the_page_of_codes_lists_every_code(api: fakes.Api) -> None:
    listed = api.get("error-codes/").json()["codes"]
    assert listed == {name: asdict(code) for name, code in (error_codes.REQUEST | error_codes.FIELD).items()}
    page = Client().get(V1 + "error-codes/", headers={"Accept": "text/html"}).content.decode()
    assert all(f'id="{name}"' in page for name in listed)


def test_every_code_in_the_source_is_in_the_registry() -> None:
    calls = [
        (node.func, [arg.value for arg in node.args if isinstance(arg, ast.Constant)])
        for path in Path(package.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    used = {
        name: {args[0] for func, args in calls if ast.unparse(func).endswith(name) and args}
        for name in ("fail", "ContractError")
    }
    details = {args[-1] for func, args in calls if ast.unparse(func).endswith("ErrorDetail") and args}
    assert used["fail"] | details <= error_codes.FIELD.keys()
    assert used["ContractError"] <= error_codes.REQUEST.keys()
    assert len(used["fail"]) > 10
    assert len(used["ContractError"]) > 8


@pytest.mark.parametrize("parameters", [{"status": "x"}, {"q": "\x00"}, {"created_after": "x"}])
def test_the_frameworks_codes_are_translated_to_ours(api: fakes.Api, parameters: dict[str, str]) -> None:
    (error,) = api.get("emails/", **parameters).json()["errors"]
    assert error["code"] in error_codes.FIELD


SHORT = {errno.EMFILE: 503, errno.ENFILE: 503, errno.ENOMEM: 503, errno.ENOSPC: 503, errno.EPERM: 500}


@pytest.mark.parametrize(("number", "status"), SHORT.items())
@pytest.mark.parametrize(
    "where",
    [
        (f"{V1}emails/", "api.views.Emails.get"),
        (f"{V1}emails/", "gomail.middleware.TrustedProxies.__call__"),
        ("/accounts/login/", "gomail.middleware.TrustedProxies.__call__"),
    ],
)
def test_a_machine_that_is_short_of_something_says_when_to_come_back(
    api: fakes.Api, monkeypatch: pytest.MonkeyPatch, where: tuple[str, str], number: int, status: int
) -> None:
    path, place = where

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(place, fail)
    answer = ask(api, "GET", path)
    assert (answer.status_code, answer.get("Retry-After")) == (status, "5" if status == 503 else None)


def test_a_page_of_the_admin_without_a_database_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("gomail.middleware.TrustedProxies.__call__", fail)
    answer = Client(raise_request_exception=False).get("/accounts/login/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
