"""What the virus scanner says of files. Only its `OK` lets a file through: whatever else is no verdict, or a bad one.

A verdict belongs to a content and a version of the signatures, and is kept in memory for both. After three failures in
a row clamd is not asked for 15 seconds: one that hangs would hold every request.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from delivery.files import clamd
from delivery.files.archives import ENCRYPTED
from delivery.files.refused import ArchiveEncrypted, ArchiveRefused, FileRefused, Malware
from providers.message import Attachment

log = logging.getLogger(__name__)
_OK: Final = "OK"
_VERSION_FOR = 60.0  # seconds
_MOST_FAILURES, _PAUSE = 3, 15.0  # in a row; seconds
_PATIENCE, _FRESH = 2.0, 5.0  # seconds that a question about its health may take, and that the answer holds
_MOST_KEPT = 10_000  # verdicts


class NotScanned(Exception):
    """There is no verdict: the file must not be sent, and is scanned again."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the scanner says of a content."""

    version: str  # of clamd and its signatures, when it was asked
    found: str = ""  # the name of what was found; empty: nothing

    @property
    def is_encrypted(self) -> bool:
        """Tell whether the scanner could not look into the file because it is encrypted."""
        return self.found.startswith("Heuristics.Encrypted.")

    @property
    def is_beyond_limits(self) -> bool:
        """Tell whether the scanner gave up on a limit of its own."""
        return self.found.startswith("Heuristics.Limits.")


def is_on() -> bool:
    """Tell whether there is a scanner to ask."""
    return bool(settings.CLAMD_URL)


def verdict(file: Attachment, sha256: str, until: float) -> Verdict:
    """Return the verdict on a file with this SHA-256; raise NotScanned. `until`: by the monotonic clock."""
    return _scanner.verdict(file, sha256, until)


def refusal(filename: str, found: Verdict) -> FileRefused | None:
    """Return why a file with this verdict must not be sent; None: it may."""
    if not found.found or (found.is_encrypted and ENCRYPTED not in settings.GOMAIL_REFUSED_ARCHIVES):
        return None
    if found.is_encrypted:
        return ArchiveEncrypted(f"{filename} is refused: it is encrypted, so that nobody can look into it.")
    if found.is_beyond_limits:
        return ArchiveRefused(
            f"{filename} is refused: the virus scanner cannot look through it ({found.found})."
        )
    return Malware(f"{filename} is refused: the virus scanner found {found.found}.")


def trouble() -> str:
    """Ask the scanner for its version, and return why it cannot be asked; empty: it answers. It takes 2 s at most."""
    try:
        clamd.version(settings.CLAMD_URL, time.monotonic() + _PATIENCE)
    except clamd.Away as away:
        return str(away)
    return ""


def answers() -> bool:
    """Tell whether the scanner answers, as it was a few seconds ago."""
    return _scanner.answers()


def forget() -> None:
    """Forget all verdicts and failures."""
    _scanner.forget()


class _Scanner:
    """clamd as this process knows it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._kept: OrderedDict[tuple[str, str], str] = (
            OrderedDict()
        )  # what was found, by content and version
        self._failures, self._paused_until = 0, 0.0
        self._version, self._version_until = "", 0.0
        self._answers, self._asked_until = True, 0.0

    def verdict(self, file: Attachment, sha256: str, until: float) -> Verdict:
        version = self._known_version(until)
        with self._lock:
            known = self._kept.get((sha256, version))
        found = self._ask(file, until) if known is None else known
        with self._lock:
            self._kept[sha256, version] = found
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return Verdict(version=version, found=found)

    def answers(self) -> bool:
        if time.monotonic() >= self._asked_until:
            self._asked_until = (
                time.monotonic() + _PATIENCE + _FRESH
            )  # meanwhile the others get the last answer
            self._answers = not trouble()
            self._asked_until = time.monotonic() + _FRESH
        return self._answers

    def _known_version(self, until: float) -> str:
        if time.monotonic() >= self._version_until:
            self._version = self._asked(lambda: clamd.version(settings.CLAMD_URL, until))
            self._version_until = time.monotonic() + _VERSION_FOR
        return self._version

    def _ask(self, file: Attachment, until: float) -> str:
        """Return the name of what clamd finds in the file; empty: nothing."""
        with file.open() as content:
            answer = self._asked(lambda: clamd.scan(settings.CLAMD_URL, content, until))
        if answer == _OK:
            return ""
        if answer.endswith(" FOUND"):
            return answer.removesuffix(" FOUND")
        log.warning("clamd gave no verdict on a file of %d bytes: %s", file.size, answer)
        raise NotScanned("the virus scanner could not scan a file")

    def _asked(self, question: Callable[[], str]) -> str:
        if time.monotonic() < self._paused_until:
            raise NotScanned("the virus scanner does not answer")
        try:
            answer = question()
        except clamd.Away as away:
            self._failed(away)
            raise NotScanned("the virus scanner does not answer") from away
        self._failures = 0
        return answer

    def _failed(self, away: clamd.Away) -> None:
        log.warning("clamd: %s", away)
        with self._lock:
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self._paused_until = time.monotonic() + _PAUSE


_scanner = _Scanner()
