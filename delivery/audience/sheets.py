"""Workbooks of Excel: one of their sheets as CSV, read by a process that may end badly."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from delivery.audience.questions import NotTaken, Question

MAGIC: Final = b"PK\x03\x04"  # how an .xlsx file begins
_SECONDS: Final = 120.0
_COMMAND: Final = (sys.executable, "-m", "delivery.audience.sheet_reader")


def write_as_csv(source: Path, target: Path, wanted: str = "") -> str:
    """Write a workbook's sheet to a file as CSV and return its name; raise Question where there are several."""
    told = _told([*_COMMAND, str(source), str(target), wanted])
    if "sheet" in told:
        return str(told["sheet"])
    if told["code"] == "sheet_undecided":
        raise Question(told["code"], told["message"], {"sheets": told["sheets"]})
    raise NotTaken(told["code"], told["message"])


def _told(command: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=settings.BASE_DIR, capture_output=True, timeout=_SECONDS, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NotTaken(
            "sheet_too_large", "The workbook cannot be read: it needs too much memory or time"
        ) from error
    told: dict[str, Any] = json.loads(done.stdout)
    return told
