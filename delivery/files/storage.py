"""Content-addressed storage of attachments: each content is stored once, through Django's storage API."""

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from delivery.files import holds
from providers.message import Attachment

_CHUNK = 256 * 1024
_PART = ".part-"
_ABANDONED_SECONDS = 3600  # longer than any request or hand-over: a file still being written is younger


class Damaged(Exception):
    """An attachment's file is not what was stored under its name any more."""


class ContentStorage(FileSystemStorage):
    """Files named by their hash. A file is complete and synced to disk before it gets its name."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Keep the name: the same name means the same content."""
        return name

    def renew(self, name: str) -> bool:
        """Touch this content so that it is not pruned; False: store it again. See docs/decisions/0014 and 0031.

        It is read: who sends the same content again repairs what the disk has damaged. And its entry is synced, because
        whoever stored it may not have come to that.
        """
        file = Path(self.path(name))
        try:
            os.utime(file)
            with file.open("rb") as content:
                is_whole = _hash(content) == file.name
        except OSError:  # missing, damaged, or another user's: the new file will be ours
            return False
        if is_whole:
            _make_durable_directory(file.parent, Path(self.location))
            sync_directory(file.parent)
        return is_whole

    def hold(self, name: str) -> None:
        """Let nobody erase this content until the caller's rows are committed; see files/holds."""
        holds.take(Path(self.location), Path(self.path(name)).parents[1])

    def erase(self, name: str, is_needed: Callable[[], bool]) -> bool:
        """Delete this content unless it is needed; False if somebody holds it who may come to need it: try later."""
        file = Path(self.path(name))
        with holds.alone(Path(self.location), file.parents[1]) as nobody_holds_it:
            if nobody_holds_it and not is_needed():
                file.unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    sync_directory(file.parent)
        return nobody_holds_it

    def _save(self, name: str, content: "File[Any]") -> str:
        target = Path(self.path(name))
        _make_durable_directory(target.parent, Path(self.location))
        # All in one folder, where remove_partial_files() finds them without walking through every folder.
        handle, temporary = tempfile.mkstemp(dir=self.location, prefix=_PART)
        try:
            with os.fdopen(handle, "wb") as file:
                _copy_to_disk(content, file)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_directory(target.parent)
        return name


def attachments() -> Storage:
    """Return the configured storage for attachments."""
    return storages["attachments"]


def path(sha256: str) -> str:
    """Return the path of the content with this SHA-256, within the storage."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def digest(attachment: Attachment) -> str:
    """Return the SHA-256 of the content that the attachment has now, in hex."""
    with attachment.open() as content:
        return _hash(content)


def keep(attachment: Attachment) -> str:
    """Store the attachment's content unless it is there already and whole, and return its SHA-256 in hex.

    Raises Damaged for content that is not what its attachment says.
    """
    sha256 = digest(attachment)
    if attachment.sha256 not in {"", sha256}:
        raise Damaged(attachment.filename)
    if not _is_kept(path(sha256)):
        with attachment.open() as content:
            attachments().save(path(sha256), File(content))
    return sha256


def erase(sha256: str, is_needed: Callable[[], bool]) -> bool:
    """Delete a content unless it is needed; False if somebody may come to need it at this moment: try later."""
    kept = attachments()
    if isinstance(kept, ContentStorage):
        return kept.erase(path(sha256), is_needed)
    if not is_needed():
        kept.delete(path(sha256))
    return True


def half_written() -> list[Path]:
    """Return the partial files of killed processes."""
    storage = attachments()
    if not isinstance(storage, ContentStorage):
        return []
    return [file for file in Path(storage.location).glob(f"{_PART}*") if is_older(file, _ABANDONED_SECONDS)]


def remove_partial_files() -> None:
    """Delete the partial files of killed processes; called when a process starts."""
    storage = attachments()
    if isinstance(storage, ContentStorage):
        delete_abandoned(Path(storage.location), _PART)


def delete_abandoned(folder: Path, prefix: str) -> None:
    """Delete the temporary files with this prefix that are unchanged for an hour: nothing can be using them."""
    for file in folder.glob(f"{prefix}*"):
        if is_older(file, _ABANDONED_SECONDS):
            with suppress(FileNotFoundError, PermissionError):  # deleted by another process; another user's
                file.unlink()


def is_older(file: Path, seconds: float) -> bool:
    """Tell whether a regular file was last written or renewed more than this many seconds ago."""
    with suppress(FileNotFoundError):
        state = file.lstat()
        return stat.S_ISREG(state.st_mode) and state.st_mtime < time.time() - seconds
    return False


def _is_kept(name: str) -> bool:
    storage = attachments()
    if isinstance(storage, ContentStorage):
        storage.hold(name)
        return storage.renew(name)
    return storage.exists(name)


def _hash(content: BinaryIO) -> str:
    return hashlib.file_digest(cast(FileIO, content), "sha256").hexdigest()


def _copy_to_disk(content: "File[Any]", file: IO[bytes]) -> None:
    for chunk in content.chunks(_CHUNK):
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())


def _make_durable_directory(directory: Path, root: Path) -> None:
    """Make the directory and its missing parents, and return when the entries of all below the root are on disk.

    Also of those that are there: whoever made one may have been killed before it was synced.
    """
    is_there = directory.is_dir()
    if is_there and root not in directory.parents:
        return
    _make_durable_directory(directory.parent, root)
    if not is_there:
        directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


def restrict(path: Path, mode: int) -> None:
    """Give what is there this mode; another user's stays as it is."""
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(mode)


def sync_directory(directory: Path) -> None:
    """Return when the directory's entries are on disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
