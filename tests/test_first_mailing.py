"""docs/first-mailing.md: what stands there can be run, and prints what stands there."""

import os
import subprocess
from pathlib import Path

from tests import documents
from tests.paths import ROOT
from tests.servers import Installation

_SECONDS = 180  # on a machine that does much else


def blocks(kind: str) -> list[str]:
    """Return the blocks of one kind: `sh` is run, the others are what that prints."""
    found = documents.blocks(ROOT / "docs" / "first-mailing.md")
    return [block.text for block in found if block.kind == kind]


def test_the_first_mailing_goes_as_the_document_says(tmp_path: Path) -> None:
    installed = Installation(tmp_path, {"GOMAIL_PROVIDERS": "sandbox", "GOMAIL_LINK_KEYS": "k" * 32})
    installed.environment |= {
        "DJANGO_DEBUG": "true",
        "GOMAIL_PUBLIC_URL": f"http://127.0.0.1:{installed.port}",
    }
    with installed.serving(), installed.running("manage.py", "worker"):
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", "".join(blocks("sh"))],
            cwd=tmp_path,
            env=os.environ | {"API": installed.url("").rstrip("/")},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    printed = done.stdout.replace("\ufeff", "").replace("\r", "")
    lines = [line for line in printed.splitlines() if line]
    assert lines == "".join(blocks("")).splitlines(), done.stderr
