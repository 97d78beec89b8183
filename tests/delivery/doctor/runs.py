"""Runs of `manage.py doctor`, and what it found."""

import json
from io import StringIO
from typing import Any

from django.core.management import call_command

from delivery.queue import heartbeats


def doctor(*arguments: str) -> tuple[int, str]:
    """Return exit status and what is printed."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def found(*arguments: str) -> dict[str, dict[str, Any]]:
    """Return what each question found."""
    return {row["question"]: row for row in json.loads(doctor("--json", *arguments)[1])["findings"]}


def wrong(*arguments: str) -> list[str]:
    return [name for name, row in found(*arguments).items() if row["is_wrong"]]


def working() -> None:
    heartbeats.beat(threads=1)
