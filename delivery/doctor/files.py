"""Checks of the stored files against the rows that name them."""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple
from uuid import UUID

from delivery.doctor.findings import Finding, Tally, Tell, Words
from delivery.files import storage
from delivery.models import Attachment
from delivery.retention import unused_files

_AT_ONCE = 2_000  # rows
_PIECE = 1024 * 1024
IsWhole = Callable[["_Row"], bool]


class _Row(NamedTuple):
    """The columns of an attachment that describe its file."""

    pk: int
    email: UUID
    sha256: str
    size: int


def files_are_there(is_whole: IsWhole, tell: Tell) -> Finding:
    """Check that every attachment's file is stored, and whole according to `is_whole`."""
    words = Words(
        question="attachments",
        well="The file of every attachment is stored.",
        broken="Attachments whose file is missing or damaged",
        todo="Restore these files from a backup of GOMAIL_STORAGE_DIR; their emails cannot be sent without them.",
    )
    tally, seen = Tally(), 0
    for rows in _rows():
        for row in _not_whole(rows, is_whole):
            tally.add(row.email)
        seen += len(rows)
        tell(f"Attachments: {seen:,} checked …")
    return tally.finding(words)


def has_its_size(row: _Row) -> bool:
    """Tell whether the file is stored and has its size."""
    name, kept = storage.path(row.sha256), storage.attachments()
    return kept.exists(name) and kept.size(name) == row.size


def has_its_hash(row: _Row) -> bool:
    """Tell whether the file is stored and its content has its hash."""
    if not has_its_size(row):
        return False
    with storage.attachments().open(storage.path(row.sha256)) as content:
        return _hash(content) == row.sha256  # type: ignore[arg-type]


def no_file_is_unused(tell: Tell) -> Finding:
    """Check for files that no email needs."""
    words = Words(
        question="unused_files",
        well="Every stored file belongs to an email.",
        broken="Files older than a day that no email needs, or partial files of killed processes",
        todo="They only take up space. `manage.py doctor --repair` and `manage.py prune` delete them.",
    )
    tell("Reading the stored files …")
    tally = Tally()
    for file in (*storage.half_written(), *unused_files.unwanted()):
        tally.add(file.name)
    return tally.finding(words)


def delete_unused_files() -> None:
    """Delete the files that no_file_is_unused finds."""
    storage.remove_partial_files()
    for file in unused_files.unwanted():
        unused_files.delete(file)


def _rows() -> Iterator[list[_Row]]:
    last = 0
    kept = Attachment.objects.filter(pruned_at=None).order_by("pk")
    fields = ("pk", "email_id", "sha256", "size")
    while rows := list(kept.filter(pk__gt=last).values_list(*fields)[:_AT_ONCE]):
        yield [_Row(*row) for row in rows]
        last = rows[-1][0]


def _not_whole(rows: list[_Row], is_whole: IsWhole) -> list[_Row]:
    """Return the rows without a whole file; each file is read once, and rows pruned meanwhile are left out."""
    contents = {(row.sha256, row.size): row for row in rows}
    broken = {content for content, row in contents.items() if not is_whole(row)}
    damaged = [row for row in rows if (row.sha256, row.size) in broken]
    kept = Attachment.objects.filter(pk__in=[row.pk for row in damaged], pruned_at=None)
    there = set(kept.values_list("pk", flat=True))
    return [row for row in damaged if row.pk in there]


def _hash(content: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := content.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
