"""The OpenAPI document of the API, as a client reads it."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.test import Client

from tests import fakes

NOBODY = "00000000-0000-0000-0000-000000000000"


def whole() -> Any:
    return json.loads(_text())


@cache
def _text() -> bytes:
    """Return it as it is sent: it takes a second to make, and depends on no row and no setting."""
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    answer = Client().get(fakes.V1 + "schema/", headers=accept)
    assert answer.status_code == 200
    return answer.content


def documented() -> Iterator[tuple[str, str, Any]]:
    for path, methods in whole()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def filled(path: str) -> str:
    """Return the path with ids that nothing has."""
    parts = (NOBODY if part.startswith("{") else part for part in path.split("/"))
    return "/".join(parts)
