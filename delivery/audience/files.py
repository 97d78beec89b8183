"""The files of imports, beside the attachments: each import's under its own id, and gone when the import is over.

They hold addresses, so they are not kept under their content's hash, where two imports would share one.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from uuid import UUID

from django.core.files import File
from django.core.files.storage import FileSystemStorage

from delivery.files import storage
from delivery.models import Import

FOLDER: Final = "imports"
# Nobody reads them again then; what has failed may be run again.
OVER: Final = (Import.Status.DONE, Import.Status.CANCELLED, Import.Status.UNDONE)
_ORPHANED_SECONDS: Final = 24 * 3600  # far longer than any request takes from its file to its row


def keep(pk: UUID, file: Path) -> str:
    """Store the file of an import that will be written down, and return its SHA-256 in hex."""
    with file.open("rb") as content:
        storage.attachments().save(_name(pk), File(content))
        content.seek(0)
        return hashlib.file_digest(content, "sha256").hexdigest()


def keep_content(pk: UUID, content: "File[Any]") -> None:
    """Store an uploaded file for a look at it, under an id of its own."""
    storage.attachments().save(_name(pk), content)


def place(pk: str) -> Path:
    """Return where the file with this id, in hex, lies."""
    return Path(storage.attachments().path(_name(UUID(pk))))


@contextmanager
def opened(pk: UUID) -> Iterator[BinaryIO]:
    """Give the content; raise FileNotFoundError where there is none any more."""
    with storage.attachments().open(_name(pk)) as stored:
        yield cast(BinaryIO, stored.file)


def delete(pk: UUID) -> None:
    """Delete it."""
    storage.attachments().delete(_name(pk))


def orphans() -> Iterator[UUID]:
    """Yield the ids of files a day old whose import is over, or was never written down."""
    kept: Any = storage.attachments()
    if not isinstance(kept, FileSystemStorage):
        return
    for file in (Path(kept.location) / FOLDER).glob("*"):
        pk = _id(file.name)
        if pk and storage.is_older(file, _ORPHANED_SECONDS) and not _is_wanted(pk):
            yield pk


def _is_wanted(pk: UUID) -> bool:
    return Import.objects.filter(pk=pk).exclude(status__in=OVER).exists()


def _name(pk: UUID) -> str:
    return f"{FOLDER}/{pk.hex}"


def _id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
