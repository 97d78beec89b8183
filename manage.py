#!/usr/bin/env python3
"""GoMail's command line."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from delivery.files import output

_VENV = Path(__file__).resolve().parent / ".venv"
_NEEDED = ("django", "dotenv", "rest_framework")


def enter_venv() -> None:
    """Go on in `.venv` where this Python lacks what GoMail needs; say what to do where there is none."""
    if all(map(find_spec, _NEEDED)):
        return
    python = _VENV / "bin" / "python"
    if Path(sys.prefix) == _VENV or not python.exists():
        sys.exit(
            "What GoMail needs is not installed. `make run` makes .venv, installs it there, and starts GoMail."
        )
    os.execv(python, [str(python), *sys.orig_argv[1:]])  # noqa: S606 - the same command, in the other Python


def main() -> None:
    """Run one management command."""
    output.tolerate_loss()
    enter_venv()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
    if sys.argv[1:2] == ["test"]:
        # Before the settings are read: the suite must never see the keys of the developer's .env.
        import tests.environment  # noqa: F401

    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # a sentence for whoever has set it
        sys.exit(f"GoMail is not configured: {error}")


if __name__ == "__main__":
    main()
