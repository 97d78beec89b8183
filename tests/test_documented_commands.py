"""Every command and curl of the README and the documents is run here, or stands below with the reason why not."""

import builtins
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import ApiKey, Team, WebhookEndpoint
from tests import documents, fakes
from tests.paths import ROOT

# Documents whose blocks another test runs whole.
ELSEWHERE = {"backup.md": "tests/test_backup.py", "first-mailing.md": "tests/test_first_mailing.py"}
NOT_RUN = {
    r"docker |cp deploy/|deploy/make-secrets": "no engine for containers; tests/test_deploy.py runs what they run",
    r"kubectl ": "no cluster; tests/test_deploy_examples.py reads the manifest",
    r"make (run|test|lint|help)": "what runs this test, or would run for ever",
    r"\S*python -m (pytest|tests\.\S+) ": "this suite itself",
    r"\S*pip install|git ": "changes what is installed here",
    r"\S*(gunicorn|celery) |(\S*python )?manage.py worker": "run for ever; tests/test_deploy.py starts them",
    r"\S*python manage.py createsuperuser": "asks at a terminal; Django's own",
    r"DJANGO_DEBUG=true GOMAIL_PROVIDERS=postbox": "of a provider that the reader has yet to write",
    r"manage.py connect_events": "tests/test_connecting_events.py runs it against stand-ins of the vendors",
    r"manage.py alert --test": "tests/test_alerts.py runs it against a stand-in",
    r"printf ": "asks clamd; tests/test_attachments.py does against a stand-in",
}
PROGRAMS = (
    r"(?:\w+=\S+ )*(?:\S*/)?"
    r"(?:manage\.py|python3?|curl|make|docker|kubectl|pip|git|gunicorn|celery|cp|printf|make-secrets)\b"
)
# These say what they have found by their exit status.
TELLING = {"check_providers", "doctor", "drill", "check"}


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of a document."""

    document: str
    line: str  # one line, without its comment

    def __str__(self) -> str:
        return f"{self.document}: {self.line[:60]}"


def found() -> list[Command]:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "deploy").glob("*.md"))]
    pages += sorted((ROOT / "docs").glob("*.md"))
    return [
        Command(document=page.name, line=line)
        for page in pages
        if page.name not in ELSEWHERE
        for block in documents.blocks(page)
        if block.kind.split(" ")[0] in ("", "sh", "bash", "console")
        for line in lines(block.text)
    ]


def lines(text: str) -> list[str]:
    """Return the commands of a block: their lines joined, the comments gone."""
    joined: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        open_quote = bool(joined) and joined[-1].count("'") % 2 == 1
        if open_quote:
            joined[-1] += f"\n{line}"
        else:
            joined.append(re.sub(r"\s+#( .*)?$", "", line))
    return [re.sub(r"  +", " ", line.strip()) for line in joined if re.match(PROGRAMS, line.strip())]


def reason(command: Command) -> str:
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, command.line)), "")


COMMANDS = found()
RUN = [command for command in COMMANDS if not reason(command)]
CURLS = [command for command in RUN if command.line.startswith("curl ")]
MANAGED = [command for command in RUN if command not in CURLS]


def test_every_command_is_run_or_there_is_a_reason() -> None:
    assert [
        str(command) for command in MANAGED if not re.match(r"(\S*python )?manage\.py ", command.line)
    ] == []
    unused = [each for each in NOT_RUN if not any(re.match(each, command.line) for command in COMMANDS)]
    assert unused == []
    assert len(MANAGED) > 30
    assert len(CURLS) > 10


@pytest.fixture
def key(settings: Any) -> tuple[ApiKey, str]:
    """A key that may do everything, of the team that the documents speak of."""
    settings.GOMAIL_PROVIDERS = ("ses=sandbox", "sendgrid=sandbox")
    settings.GOMAIL_TOMBSTONE_KEYS, settings.GOMAIL_PUBLIC_URL = ("t" * 32,), "https://mail.example.org"
    return keys.issue("shop", scopes=list(Scope.values))


@pytest.mark.django_db
@pytest.mark.parametrize("command", dict.fromkeys(MANAGED), ids=str)
def test_a_command_is_taken_as_it_stands(
    command: Command, key: tuple[ApiKey, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"TEAM": "shop", "ID": key[0].public_id}
    name, *given = shlex.split(command.line.partition("manage.py ")[2])
    confirmed = {"delete_team": "shop", "forget": "zoe@example.org"}  # what is deleted has to be typed
    monkeypatch.setattr(builtins, "input", lambda question="": confirmed[name])
    status = exit_status(name, *(words.get(word, word) for word in given))
    assert status in ((0, 1) if name in TELLING else (0,))


def exit_status(*command: str) -> int:
    try:
        call_command(*command)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.django_db(transaction=True)
def test_every_curl_is_answered_as_it_stands(
    key: tuple[ApiKey, str], live_server: Any, tmp_path: Path
) -> None:
    api = f"{live_server.url}{fakes.V1}".rstrip("/")
    webhook = WebhookEndpoint.objects.create(
        team=Team.objects.get(), url="https://shop.example.org/x", secret="s" * 24
    )
    variables = {"API": api, "GOMAIL_KEY": key[1], "WEBHOOK": str(webhook.pk), "PATH": "/usr/bin:/bin"}
    refused = {}
    for command in CURLS:
        line = re.sub(r"http://127\.0\.0\.1:8000|https://mail\.example\.org", live_server.url, command.line)
        if "Authorization" not in line:
            line += ' -H "Authorization: Bearer $GOMAIL_KEY"'  # `make run` asks for none
        line = line.replace("Host: mail.example.org", "Host: localhost")
        asked = f"{line} --silent --output {tmp_path / 'answer'} --write-out '%{{http_code}}'"
        done = subprocess.run(
            ["/bin/bash", "-c", asked], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
        )
        if not done.stdout.startswith("2"):
            refused[str(command)] = done.stdout + (tmp_path / "answer").read_text()[:300]
    assert refused == {}
