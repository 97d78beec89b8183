"""How a line of the log is written: one line for each message, whatever stands in it, and nobody's address or key.

What is logged quotes what came from outside: a path, a vendor's words, a database's complaint with a row in it. So
the last step cleans: every handler's formatter.
"""

import logging
import re
from typing import Any

# The local part goes; the domain is often what helps.
_ADDRESS = re.compile(r"[^\s@<>()\[\]{},;:\"'`=/\\|]{1,256}(?:@|%40)(?=[\w.-])", re.IGNORECASE)
_KEY = re.compile(r"\b(gm_[a-z]+_)\w+")
_ROW = re.compile(r"((?:DETAIL|CONTEXT):).*")  # PostgreSQL quotes the row that it refuses
# What follows these parts of a path opens something, also where it is quoted, %2Finvite%2F… in a query. A test walks
# all paths of the service. Queries are not written: what a client asks with may be secret, too.
_OPENING = ("invite", "u", "password/reset/key")
_SLASH = "(?:/|%2f)"
_SECRET_PATH = re.compile(
    rf"""({_SLASH}(?:{"|".join(_OPENING).replace("/", _SLASH)}){_SLASH})[^\s/?#&"']+""", re.IGNORECASE
)
_QUERY = re.compile(r"""(/[^\s?"'<>]*\?)[^\s"'<>]+""")
_INDENT = "    "


class OneLine(logging.Formatter):
    """A message is one line; the lines of a traceback are indented, so that none looks like a message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        first, *below = hidden(super().format(record)).splitlines()
        return "\n".join([first, *(_INDENT + escaped(line) for line in below)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message as one line, before a traceback is appended."""
        return escaped(super().formatMessage(record)) or " "


def hidden(text: str) -> str:
    """Return the text without local parts of addresses, keys, secrets in paths, queries, and a database's rows."""
    text = _SECRET_PATH.sub(r"\1***", _QUERY.sub(r"\1***", _ROW.sub(r"\1 ***", text)))
    return _ADDRESS.sub("***@", _KEY.sub(r"\1***", text))


def escaped(text: str) -> str:
    """Return the text with its escape sequence for everything that is no printable character."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "gomail.logs.OneLine", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # 4xx answers are the clients' errors; Celery would log two lines for every email.
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},  # its own handlers do not clean what they write
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},  # a foreign Host is answered 400, and may be anything
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
