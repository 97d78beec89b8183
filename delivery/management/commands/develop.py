"""manage.py develop: runs the server and a worker on one machine, for development (`make run`)."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from delivery.access import audit
from delivery.management import base, development
from delivery.management.development import HOST
from delivery.routing import configured

LOGIN = "developer"
_START_UP = 20.0  # seconds
_BANNER = """
GoMail is running on {url}

  Send an email with an attachment:

    curl -F to_addresses=ann@example.com -F from_address=me@example.com \\
         -F subject="Hello from GoMail" --form-string body="<h1>Hello Ann</h1>" \\
         -F "README.md=@{readme}" \\
         {url}/api/v1/email-service/send-email/

  See it, with every attempt:  {url}/admin/   (login {login}, password {password})
  The API:                     {url}/api/v1/email-service/docs/
  Providers:                   {providers}
  Commands, beside this one:   make manage CMD="doctor"   (settings: .env)

Ctrl-C stops the server and its worker.
"""

Children = list["subprocess.Popen[bytes]"]


class Command(base.Command):
    help = "Migrates the database, then runs the server on 127.0.0.1 and a delivery worker; for development."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("This is for development: set DJANGO_DEBUG=true, or use `make run`.")
        port = _free_port()
        call_command("migrate", verbosity=0)
        password = _make_login()
        if development.write(Path(settings.BASE_DIR), port):
            self.stdout.write(
                "Wrote .env with the settings of a developer's machine; it is yours from now on."
            )
        else:
            _prepare_links(port)
            _prepare_tombstones()
        children: Children = []
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        try:
            children += [
                _start(*_SERVER, "--bind", f"{HOST}:{port}"),
                _start("manage.py", "worker", "--skip-checks"),
            ]
            _await_server(port, children)
            self.stdout.write(_banner(port, password))
            raise SystemExit(_first_exit(children))
        except KeyboardInterrupt:
            self.stdout.write("Stopping; attempts in flight are finished first.")
        finally:
            _stop(children)


_SERVER = ("-m", "gunicorn", "--config", "python:gomail.gunicorn")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _free_port() -> int:
    word = os.environ.get("PORT", "").strip() or "8000"
    if not (word.isascii() and word.isdigit() and len(word) <= 5 and 0 < int(word) < 65_536):
        raise CommandError(f"PORT is {word!r}; write a port: 8001")
    port = int(word)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(f"Port {port} is taken; `make run PORT=8001` uses another one.") from error
    return port


def _make_login() -> str:
    """Give the development login a new password at each start: a fixed one could reach a production database."""
    password = secrets.token_urlsafe(9)
    with transaction.atomic():
        user, _ = get_user_model().objects.get_or_create(
            username=LOGIN, defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(password)
        user.save()
        audit.record("user.password_changed", "user", user.pk, team=None, after={"name": LOGIN})
    return password


def _prepare_links(port: int) -> None:
    """Let the server and its worker make unsubscribe links, by a key that is made once and kept."""
    given = settings.GOMAIL_PUBLIC_URL
    if not given or given.startswith(f"http://{HOST}:"):  # of this machine: the port may be another one today
        os.environ["GOMAIL_PUBLIC_URL"] = development.url(port)
    if not settings.GOMAIL_LINK_KEYS:
        os.environ["GOMAIL_LINK_KEYS_FILE"] = str(_kept_key(Path(settings.BASE_DIR, "data", "link_keys")))


def _prepare_tombstones() -> None:
    """Let people be erased, by a key that is made once and kept."""
    if not settings.GOMAIL_TOMBSTONE_KEYS:
        kept = _kept_key(Path(settings.BASE_DIR, "data", "tombstone_keys"))
        os.environ["GOMAIL_TOMBSTONE_KEYS_FILE"] = str(kept)


def _kept_key(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new:
            new.write(f"{secrets.token_urlsafe(32)}\n")
    return file


def _await_server(port: int, children: Children) -> None:
    deadline = time.monotonic() + _START_UP
    while time.monotonic() < deadline and all(child.poll() is None for child in children):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise CommandError("The server did not start; see the lines above.")


def _banner(port: int, password: str) -> str:
    return _BANNER.format(
        url=development.url(port),
        readme=Path(settings.BASE_DIR, "README.md"),
        login=LOGIN,
        password=password,
        providers=", ".join(provider.name for provider in configured.providers()),
    )


def _start(*arguments: str) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches only this process, which then stops its children in order. This process has
    # made the system checks before all else; errors of what has become of the settings since still end the server.
    environment = os.environ | {"GOMAIL_WARNINGS_TOLD": "true"}
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, start_new_session=True)  # noqa: S603


def _first_exit(children: Children) -> int:
    """Wait until one of the processes ends and return its exit status."""
    while True:
        for child in children:
            if child.poll() is not None:
                return child.returncode
        time.sleep(0.2)


def _stop(children: Children) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        child.wait()
