"""What is loaded before the first request."""

import subprocess
import sys

import pytest

from tests.paths import ROOT

_WITHOUT_FILES = """
import django, resource
django.setup()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
"a".encode("{}")
"""


@pytest.mark.parametrize("encoding", ["idna", "unicode_escape"])
def test_an_encoding_that_a_warning_or_a_host_needs_is_known_when_no_file_is_left(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_FILES.format(encoding)],
        env={"DJANGO_SETTINGS_MODULE": "gomail.settings", "DJANGO_DEBUG": "true"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
