"""manage.py develop: everything on one machine, for the first look and for development (`make run`)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

LOGIN, PASSWORD = "admin", "gomail-development"
_START_UP = 2.0  # seconds; what fails at once (a taken port) has failed by then
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

Ctrl-C stops the server and its worker.
"""


class Command(BaseCommand):
    help = "Prepares the database, then serves on 127.0.0.1 with a delivery worker beside; for development."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("This is for development: set DJANGO_DEBUG=true, or type `make run`.")
        call_command("migrate", verbosity=0)
        _make_login()
        children = [
            _start("-m", "gunicorn", "--config", "python:gomail.gunicorn"),
            _start("manage.py", "worker"),
        ]
        try:
            time.sleep(_START_UP)
            if all(child.poll() is None for child in children):
                self.stdout.write(_banner())
            raise SystemExit(_first_exit(children))
        except KeyboardInterrupt:
            self.stdout.write("Stopping; attempts in flight are finished first.")
        finally:
            _stop(children)


def _make_login() -> None:
    users = get_user_model()
    if not users.objects.filter(is_superuser=True).exists():
        users.objects.create_superuser(LOGIN, password=PASSWORD)


def _banner() -> str:
    from delivery import carriers

    port = os.environ.get("PORT", "8000")
    return _BANNER.format(
        url=f"http://127.0.0.1:{port}",
        readme=Path(settings.BASE_DIR, "README.md"),
        login=LOGIN,
        password=PASSWORD,
        providers=", ".join(provider.name for provider in carriers.configured()),
    )


def _start(*arguments: str) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches this process alone, which then ends its children in order.
    return subprocess.Popen([sys.executable, *arguments], cwd=settings.BASE_DIR, start_new_session=True)  # noqa: S603


def _first_exit(children: "list[subprocess.Popen[bytes]]") -> int:
    """Wait until one of the processes ends, whatever the reason, and return its exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    while True:
        for child in children:
            if child.poll() is not None:
                return child.returncode
        time.sleep(0.2)


def _stop(children: "list[subprocess.Popen[bytes]]") -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        child.wait()
