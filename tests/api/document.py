"""The OpenAPI document of the API, as a client reads it."""

from collections.abc import Iterator
from typing import Any

from django.test import Client

from tests import fakes

NOBODY = "00000000-0000-0000-0000-000000000000"


def whole() -> Any:
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    return Client().get(fakes.V1 + "schema/", headers=accept).json()


def documented() -> Iterator[tuple[str, str, Any]]:
    for path, methods in whole()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def filled(path: str) -> str:
    """Return the path with ids that nothing has."""
    parts = (NOBODY if part.startswith("{") else part for part in path.split("/"))
    return "/".join(parts)
