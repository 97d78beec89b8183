"""Imports in child processes of a worker: their work keeps a processor busy, and a file may end the process."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection

from delivery.audience import claims

COMMAND: Final = "run_imports"
_SETTINGS: Final = "gomail.lean"  # half of the memory
_POLL_SECONDS: Final = 0.2


def run_some(going_on: Callable[[], bool]) -> None:
    """Have the due imports run by a child; when it ends badly, let go at once what it had."""
    if not claims.due():
        return
    alone = uuid4()
    connection.close()  # a child may take minutes
    if _run(alone, going_on):
        claims.free(alone)


def _run(alone: UUID, going_on: Callable[[], bool]) -> int:
    """Run the child to its end and return its exit status; pass on the shutdown of this process."""
    command = [sys.executable, "-m", "django", COMMAND, f"--as={alone}"]
    lean = os.environ | {"DJANGO_SETTINGS_MODULE": _SETTINGS}
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=settings.BASE_DIR, env=lean, start_new_session=True
    ) as child:
        while True:
            if not going_on():
                child.terminate()  # it ends behind the chunk that it is at
            with suppress(subprocess.TimeoutExpired):
                return child.wait(_POLL_SECONDS)
