"""Whether the folders can be written that GoMail cannot do without."""

import os
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from delivery.files import storage


def unwritable() -> list[str]:
    """Return the names of folders that are read-only, or another user's."""
    folders = {"journal": Path(settings.GOMAIL_JOURNAL_DIR)}
    attachments = storage.attachments()
    if isinstance(attachments, FileSystemStorage):
        folders["attachments"] = Path(attachments.location)
    return [name for name, folder in folders.items() if not _can_be_written(folder)]


def _can_be_written(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent  # it is made when it is needed
    return os.access(folder, os.W_OK | os.X_OK)
