"""The programs that the admin shows do send; those whose language this machine has are run."""

import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from delivery.access import keys
from delivery.admin import snippets
from delivery.models import Email

PATIENCE = 60  # seconds; Go compiles first
COMMANDS = {
    "curl": ["sh"],
    "Python": [sys.executable, "-"],
    "Node": ["node", "--input-type=module", "-"],
    "PHP": ["php"],
    "Go": ["go", "run", "send.go"],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_program_that_is_shown_sends_an_email(
    name: str, live_server: Any, settings: Any, tmp_path: Any
) -> None:
    if not shutil.which("curl" if name == "curl" else COMMANDS[name][0]):
        (pytest.fail if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else pytest.skip)(
            f"There is no {name}."
        )
    settings.GOMAIL_PROVIDERS = ("sandbox",)
    _, token = keys.issue("shop", scopes=["emails.send"], from_addresses=["@example.org"])
    shown = snippets.written(f"{live_server.url}/api/v1/email-service/send-email/", "me@example.org")
    program = next(each.text for each in shown if each.name == name)
    (tmp_path / "send.go").write_text(program)
    done = subprocess.run(
        COMMANDS[name],
        input=program,
        cwd=tmp_path,
        env=os.environ | {"GOMAIL_KEY": token},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    email = Email.objects.get()
    assert (email.from_address, email.subject, email.text_body) == ("me@example.org", "Hello", "Hi Ann")


@pytest.mark.parametrize("sender", ["o'brien@example.org", "$(id)@example.org", "`id`@example.org", ""])
def test_a_sender_that_a_shell_would_read_is_not_written_into_a_program(sender: str) -> None:
    for snippet in snippets.written("http://localhost/", sender):
        assert "shop@example.org" in snippet.text
        assert not sender or sender not in snippet.text


def test_a_program_is_no_html() -> None:
    for snippet in snippets.written("http://localhost/", ""):
        assert not hasattr(snippet.text, "__html__")
