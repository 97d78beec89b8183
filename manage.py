#!/usr/bin/env python
"""GoMail's command line."""

import os
import sys

from delivery.files import output


def main() -> None:
    """Run one management command."""
    output.tolerate_loss()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
    if sys.argv[1:2] == ["test"]:
        # Before the settings are read: the suite must never see the keys of the developer's .env.
        import tests.environment  # noqa: F401

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
