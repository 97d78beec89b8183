"""The environment of the suite, in force before settings are read: no key of the developer's .env may reach a test."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

_EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"


def _names() -> list[str]:
    lines = _EXAMPLE.read_text().splitlines()
    return [
        line.lstrip("# ").partition("=")[0]
        for line in lines
        if "=" in line and line.lstrip("# ")[0].isupper()
    ]


_COUNTED = tempfile.mkdtemp(prefix="gomail-metrics-")
atexit.register(shutil.rmtree, _COUNTED, ignore_errors=True)
NAMES = _names()

os.environ.update(dict.fromkeys(NAMES, ""))
os.environ.update(
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", ""),
    DJANGO_DEBUG="false",
    DJANGO_SECRET_KEY="a-key-for-tests-" * 4,
    DJANGO_ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    DEFAULT_FROM_EMAIL="GoMail <default@example.org>",
    GOMAIL_PROVIDERS="sandbox",
    GOMAIL_METRICS_DIR=_COUNTED,  # no test counts beside the developer's own
    WEB_CONCURRENCY="1",  # gunicorn reads it, too, and stumbles over an empty one
)
# Some machines forbid Python to keep what it has compiled: then each of the many processes that the tests start would
# compile all of GoMail anew, half a second of a processor each time, and so would pytest the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
