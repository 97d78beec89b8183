"""A file of contacts in a request: as the only file of a form, or as the body; streamed to disk either way."""

from collections.abc import Mapping
from typing import IO, Any, Final, cast

from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.request import Request

from api import parameters
from api.errors import ContractError
from api.forms.parsers import MultiPartParser
from api.parsers import charset_of, refuse_compression, request_of
from api.uploads import Upload, Uploads
from delivery.audience import imports

MOST_BODY_BYTES: Final = imports.MOST_BYTES + 1024 * 1024  # of a form: the file, and its other fields
_PIECE: Final = 256 * 1024
_NO_CHARSET: Final = "binary"  # which `file --mime` says of what is no text


class FormParser(MultiPartParser):
    """A form with the file and what to do with it."""

    most_file_bytes = imports.MOST_BYTES


class CsvParser(BaseParser):
    """text/csv: the body is the file; what to do with it stands in the query."""

    media_type = "text/csv"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """Return the file."""
        request = request_of(parser_context)
        refuse_compression(request)
        uploads = Uploads(imports.MOST_BYTES)
        uploads.begin(field="file", filename="contacts.csv", content_type=request.content_type or "")
        while piece := stream.read(_PIECE):
            uploads.write(piece)
        uploads.end()
        return DataAndFiles({}, MultiValueDict({"attachments": list(uploads)}))


def upload(request: Request) -> Upload:
    """Return the file; raise ContractError for a form without one, or with several."""
    came = cast("dict[str, Any]", request.data).get("attachments")
    if not isinstance(came, list) or len(came) != 1 or not isinstance(came[0], Upload):
        raise ContractError("empty_file", "The form must hold one file, or the body be the CSV (text/csv).")
    return came[0]


def encoding(file: Upload) -> str:
    """Return the encoding that the Content-Type of the file, or of the body that it is, names; empty: none."""
    charset = charset_of(file.content_type)
    return "" if charset.lower() == _NO_CHARSET else charset


def fields(request: Request) -> dict[str, Any]:
    """Return what the form and the query say beside the file."""
    said = {
        name: value for name, value in cast("dict[str, Any]", request.data).items() if name != "attachments"
    }
    return parameters.beside(request, said)
