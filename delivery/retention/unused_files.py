"""Finds and deletes stored files that no email needs, safely beside requests that are about to use one.

A file is written before the row that names it, and a file that exists is not written again. So the rows alone do not
tell whether a file is about to be needed: a request touches the file it wants, and only files untouched for a day are
deleted. See docs/decisions/0014.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from delivery.files import storage
from delivery.models import Attachment

_WANTED_SECONDS = 24 * 3600  # far longer than any request takes from its file to its row
_DOOMED = ".doomed"
_AT_ONCE = 500


def unwanted() -> Iterator[Path]:
    """Yield the files that no email names and that are untouched for a day."""
    old = (file for file in _stored() if storage.is_older(file, _WANTED_SECONDS))
    while some := list(islice(old, _AT_ONCE)):
        named = _named([file.name for file in some])
        yield from (file for file in some if file.name not in named)


def delete(file: Path) -> bool:
    """Delete a file, unless a request has touched it meanwhile; tell whether it was deleted."""
    doomed = file.with_name(file.name + _DOOMED)
    try:
        file.rename(doomed)  # a later request writes the file anew; an earlier one has touched this one
    except FileNotFoundError:
        return False
    if not storage.is_older(doomed, _WANTED_SECONDS):
        _restore(doomed)
        return False
    doomed.unlink(missing_ok=True)
    return True


def _named(hashes: Iterable[str]) -> set[str]:
    rows = Attachment.objects.filter(sha256__in=hashes, pruned_at=None)
    return set(rows.values_list("sha256", flat=True))


def _stored() -> Iterator[Path]:
    """Yield every file, folder by folder."""
    kept = storage.attachments()
    if isinstance(kept, storage.ContentStorage):
        for folder in _folders(Path(kept.location), depth=2):
            yield from _files(folder)


def _folders(folder: Path, *, depth: int) -> Iterator[Path]:
    if not depth:
        yield folder
        return
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in sorted((entry for entry in entries if entry.is_dir()), key=lambda entry: entry.name):
            yield from _folders(folder / entry.name, depth=depth - 1)


def _files(folder: Path) -> list[Path]:
    """Return the files of one folder; files that a killed process was about to delete are restored first."""
    for doomed in folder.glob(f"*{_DOOMED}"):
        _restore(doomed)
    return [folder / name for name in sorted(os.listdir(folder))]  # noqa: PTH208 - a folder may hold many


def _restore(doomed: Path) -> None:
    with suppress(FileNotFoundError):  # another process did it
        doomed.rename(doomed.with_name(doomed.name.removesuffix(_DOOMED)))
