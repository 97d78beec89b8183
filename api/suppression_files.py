"""A CSV file in a request: as the body, or as the only file of a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from api import parameters
from api.errors import ContractError
from api.parsers import refuse_compression, request_of
from delivery.models import Suppression


class CsvParser(BaseParser):
    """text/csv: the bytes as they came."""

    media_type = "text/csv"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body."""
        refuse_compression(request_of(parser_context))
        return {"attachments": stream.read()}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a file is to be imported."""

    dry_run: bool
    kind: str  # of rows whose file does not say; empty: manual


def options(request: Request) -> Options:
    """Return what the query or the form asks for."""
    given = parameters.beside(request, _fields(request))
    dry_run, kind = given.get("dry_run", "false"), given.get("kind", "")
    if dry_run not in ("true", "false"):
        raise parameters.invalid("dry_run", "invalid_choice", "must be true or false.")
    if kind and kind not in Suppression.Kind.values:
        raise parameters.invalid(
            "kind", "invalid_choice", f"must be one of {', '.join(Suppression.Kind.values)}."
        )
    return Options(dry_run=dry_run == "true", kind=kind)


def content(request: Request) -> bytes:
    """Return the file; raise ContractError for a form without one, or with several."""
    came = request.data.get("attachments") if isinstance(request.data, dict) else None
    if isinstance(came, bytes):
        return came
    if not isinstance(came, list) or len(came) != 1:
        raise ContractError(
            "malformed_csv", "The form must hold one file, or the body be the CSV (text/csv)."
        )
    with came[0].open() as file:
        return bytes(file.read())


def _fields(request: Request) -> dict[str, str]:
    fields = request.data if isinstance(request.data, dict) else {}
    return {name: str(fields[name]).lower() for name in ("dry_run", "kind") if name in fields}
