"""The files of a multipart request: temporary files on disk, deleted with the objects that hold them."""

import os
import tempfile
import weakref
from pathlib import Path
from typing import IO, BinaryIO, cast

from django.conf import settings

from api.errors import ContractError
from delivery.files import storage

MAX_FILES = 100
_PREFIX = "gomail-upload-"


class Upload:
    """One file of a request. Its temporary file lives as long as this object."""

    def __init__(self, *, field: str, filename: str, content_type: str, content_id: str = "") -> None:
        self.field = field
        self.filename = filename
        self.content_type = content_type  # as the part has it, with its parameters
        self.content_id = content_id
        self.size = 0
        handle, path = tempfile.mkstemp(prefix=_PREFIX)
        self._path, self._file = Path(path), os.fdopen(handle, "wb")
        self._discard = weakref.finalize(self, _discard, self._file, self._path)

    def write(self, piece: bytes) -> None:
        """Append a piece of the content."""
        self.size += self._file.write(piece)

    def finish(self) -> None:
        """Make the content readable."""
        self._file.close()

    def open(self) -> BinaryIO:
        """Open the content for reading; the caller closes it."""
        return cast(BinaryIO, self._path.open("rb"))

    @property
    def path(self) -> Path:
        """Return where the content lies."""
        return self._path

    def close(self) -> None:
        """Delete the content."""
        self._discard()


class Uploads(list[Upload]):
    """The files of one request, written one after the other and counted together."""

    def __init__(self, most: int | None = None) -> None:
        """Take `most` bytes in all; unless given, what attachments may have."""
        super().__init__()
        self._most = most
        self._room = settings.ATTACHMENTS_MAX_BYTES if most is None else most

    def begin(self, *, field: str, filename: str, content_type: str, content_id: str = "") -> None:
        """Start the next file."""
        if len(self) >= MAX_FILES:
            raise _too_many()
        self.append(Upload(field=field, filename=filename, content_type=content_type, content_id=content_id))

    def write(self, piece: bytes) -> None:
        """Append to the current file; raise ContractError as soon as all files together exceed the limit."""
        self._room -= len(piece)
        if self._room < 0:
            raise too_large() if self._most is None else _over(self._most)
        self[-1].write(piece)

    def end(self) -> None:
        """Finish the current file; drop it if it has no name and no content: an empty file input of a form."""
        self[-1].finish()
        if not self[-1].filename and not self[-1].size:
            self.pop().close()

    def close(self) -> None:
        """Delete all files now: the request may be part of a reference cycle."""
        for upload in self:
            upload.close()


def remove_partial_files() -> None:
    """Delete the files left by killed processes; called when a server starts."""
    storage.delete_abandoned(Path(tempfile.gettempdir()), _PREFIX)


def too_large() -> ContractError:
    """Return the error for attachments over the limit."""
    limit = f"{settings.ATTACHMENTS_MAX_BYTES:,}"
    return ContractError("attachments_too_large", f"All attachments together may have {limit} bytes.")


def _over(most: int) -> ContractError:
    return ContractError("request_too_large", f"The file may have {most:,} bytes.")


def _too_many() -> ContractError:
    message = f"may have {MAX_FILES} entries."
    error = {"field": "attachments", "code": "too_many", "message": message}
    return ContractError("invalid", f"attachments: {message}", [error])


def _discard(file: IO[bytes], path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)
