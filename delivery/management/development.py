"""What `make run` writes once for a developer's machine: a `.env`, so that every command beside it works as well."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"  # never anything else: requests need no API key
_LINES = """\
# Written once by `make run`, for this machine alone; yours from now on. .env.example explains every variable.
DJANGO_DEBUG=true
DJANGO_SECRET_KEY={secret_key}
GOMAIL_PUBLIC_URL={public_url}
GOMAIL_LINK_KEYS={link_keys}
GOMAIL_TOMBSTONE_KEYS={tombstone_keys}
DEFAULT_FROM_EMAIL=GoMail <gomail@example.org>

# Without keys the sandbox takes every email and sends none. To send real mail, fill in what you have and start again:
# AWS_SES_REGION=eu-west-1
# AWS_ACCESS_KEY_ID=
# AWS_SECRET_ACCESS_KEY=
# SENDGRID_API_KEY=
"""


def url(port: int) -> str:
    """Return where `make run` serves."""
    return f"http://{HOST}:{port}"


def write(folder: Path, port: int) -> bool:
    """Write `.env` unless there is one, for its owner alone; return whether it was written.

    Keys that an earlier version kept in data/ stay in force: mail with their links is out.
    """
    file = folder / ".env"
    with suppress(FileExistsError):
        made = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(made, "w") as new:
            new.write(_content(folder / "data", port))
        return True
    return False


def _content(data: Path, port: int) -> str:
    return _LINES.format(
        secret_key=secrets.token_urlsafe(50),
        public_url=url(port),
        link_keys=_kept(data / "link_keys"),
        tombstone_keys=_kept(data / "tombstone_keys"),
    )


def _kept(file: Path) -> str:
    return file.read_text().strip() if file.exists() else secrets.token_urlsafe(32)
