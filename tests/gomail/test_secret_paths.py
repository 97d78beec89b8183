"""What opens something by standing in a path is in no log, and leaves by no link."""

import io
import logging
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import get_resolver
from gunicorn.config import Config

from gomail.logs import OneLine
from gomail.server.log import ACCESS_FORMAT, Log
from tests.urls import paths

SECRET = {"token", "key", "uidb36"}
# Parts of paths that open nothing by themselves: numbers, ids, names; addresses are hidden wherever they stand.
HARMLESS = {
    *("account", "app_label", "call", "cause", "contact", "content_type_id", "file", "id", "named", "number"),
    *("object_id", "pk", "provider_id", "url"),
}
_PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
CANARY = "canary0123456789"


def patterns() -> list[str]:
    return [f"/{one}" for one in paths(get_resolver().url_patterns)]


def parts(pattern: str) -> set[str]:
    return {first or second for first, second in _PART.findall(pattern)}


def secret() -> list[str]:
    """Return a path for each pattern that has something secret in it, with a canary in its place."""
    found = [one for one in patterns() if parts(one) & SECRET]
    return [_PART.sub(CANARY, one).replace("^", "").removesuffix("$") for one in found]


def test_each_part_of_each_path_is_known_as_secret_or_not() -> None:
    known = {name for one in patterns() for name in parts(one)}
    assert known <= SECRET | HARMLESS
    assert len(secret()) == 3


def access_lines(file: Path, path: str) -> str:
    """Return what the server writes of a request, with whatever a format may ask for."""
    config = Config()
    config.set("accesslog", str(file))
    config.set("access_log_format", f"{ACCESS_FORMAT} %(r)s %(q)s %(f)s %({{referer}}i)s %({{raw_uri}}e)s")
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "RAW_URI": f"{path}?next={path}",
        "QUERY_STRING": f"next={path}",
        "HTTP_REFERER": f"https://mail.example.org{path}",
    }
    request = SimpleNamespace(headers=[("referer", environ["HTTP_REFERER"])])
    answer = SimpleNamespace(status="200 OK", sent=1, headers=[])
    log = Log(config)
    log.access(answer, request, environ, timedelta(seconds=1))
    for each in (log.access_log, log.error_log):
        for handler in [*each.handlers]:
            each.removeHandler(handler)
            handler.close()
    return file.read_text()


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("shape", ["{}", "{}x", "/{}", "/app{}", "{}/"])
def test_the_access_log_holds_none(tmp_path: Path, number: int, shape: str) -> None:
    line = access_lines(tmp_path / "access.log", shape.format(secret()[number]))
    assert "GET" in line
    assert "canary" not in line


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    "shape",
    [
        "{}",
        "https://mail.example.org{}",
        "/accounts/login/?next={}",
        "GET /accounts/login/?process=login&next={} HTTP/1.1",
        "'{}'",
        "{}?x=1",
    ],
)
@pytest.mark.parametrize("quoted", [str, lambda path: quote(path, safe="")])
def test_no_other_log_holds_any(number: int, shape: str, quoted: Any) -> None:
    written, logger = io.StringIO(), logging.getLogger("tests.paths")
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine("%(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    logger.error("Error handling request %s", shape.format(quoted(secret()[number])))
    logger.removeHandler(handler)
    assert "Error handling request" in written.getvalue()
    assert "canary" not in written.getvalue()


def test_of_a_query_nothing_is_written() -> None:
    record = logging.LogRecord(
        "x",
        logging.ERROR,
        "",
        0,
        "request /accounts/oidc/oidc/login/callback/?code=canary&state=x failed",
        (),
        None,
    )
    assert OneLine("%(message)s").format(record) == "request /accounts/oidc/oidc/login/callback/?*** failed"


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(3))
def test_the_address_of_such_a_page_leaves_by_no_link(client: Client, number: int) -> None:
    answer = client.get(secret()[number])
    assert answer.status_code in {200, 404}
    assert answer["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert "no-store" in answer["Cache-Control"]
