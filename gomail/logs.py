"""How a line of the log is written: one line for each message, whatever stands in it, and nobody's address or key.

What is logged quotes what came from outside: a path, a vendor's words, a database's complaint with a row in it. So
the last step cleans: every handler's formatter.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from pythonjsonlogger.json import JsonFormatter

from delivery.counting import context

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
_AWAY = 503


class UnlessAway(logging.Filter):
    """Drops Django's line for each answer of 503: an outage is told by delivery.db.outages, in one line for all."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write it."""
        return getattr(record, "status_code", None) != _AWAY


class OneLine(logging.Formatter):
    """A message is one line; the lines of a traceback are indented, so that none looks like a message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        first, *below = hidden(super().format(record)).splitlines()
        return "\n".join([first, *(_INDENT + escaped(line) for line in below)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message as one line with the ids behind it, before a traceback is appended."""
        ids = "".join(f" {name}={value}" for name, value in getattr(record, "ids", {}).items())
        return escaped(super().formatMessage(record) + ids) or " "


def hidden(text: str) -> str:
    """Return the text without local parts of addresses, keys, secrets in paths, queries, and a database's rows."""
    text = _SECRET_PATH.sub(r"\1***", _QUERY.sub(r"\1***", _ROW.sub(r"\1 ***", text)))
    text = _KEY.sub(r"\1***", text) if "gm_" in text else text
    # It is looked for at each letter, which takes half of the time of a line.
    return _ADDRESS.sub("***@", text) if "@" in text or "%40" in text else text


def escaped(text: str) -> str:
    """Return the text with its escape sequence for everything that is no printable character."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class Busy(logging.Filter):
    """Adds to each record what its thread is busy with, by ids; what the line itself has said comes first."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.ids = {**context.current(), **getattr(record, "ids", {})}
        return True


class Json(JsonFormatter):
    """One JSON object for each line, its names those of the Elastic Common Schema, and our own below gomail."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Write the record's parts under their names; each is as clean as a line of text."""
        log_data["@timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat(
            timespec="milliseconds"
        )
        log_data["log.level"], log_data["log.logger"] = record.levelname.lower(), record.name
        log_data["message"] = hidden(record.getMessage())
        log_data.update({_NAMES[name]: _clean(value) for name, value in _ids(record).items()})
        log_data.update({name: _clean(fact) for name, fact in getattr(record, "facts", {}).items()})
        if record.exc_info:
            log_data["error.stack_trace"] = hidden(_PLAIN.formatException(record.exc_info))
        log_data["process.pid"] = record.process


# As a line of JSON has them; a line of text has the words on the left.
_NAMES: Final[Mapping[str, str]] = {
    "request": "http.request.id",
    "team": "gomail.team_id",
    "email": "gomail.email_id",
    "attempt": "gomail.attempt_id",
    "provider": "gomail.provider",
}


_PLAIN: Final = logging.Formatter()


def _clean(fact: Any) -> Any:
    return escaped(hidden(fact)) if isinstance(fact, str) else fact


def _ids(record: logging.LogRecord) -> Mapping[str, str]:
    return getattr(record, "ids", {})


def configured(form: str) -> dict[str, Any]:
    """Return the configuration of logging; `form` is text or json."""
    if form not in FORMATTERS:
        raise ImproperlyConfigured(f"LOG_FORMAT is {form!r}; write text or json")
    return {**_LOGGING, "formatters": {"line": FORMATTERS[form]}}


FORMATTERS: Final[Mapping[str, dict[str, str]]] = {
    "text": {"()": "gomail.logs.OneLine", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    "json": {"()": "gomail.logs.Json"},
}
_LOGGING: Final[Mapping[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"busy": {"()": "gomail.logs.Busy"}, "unless_away": {"()": "gomail.logs.UnlessAway"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["busy"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # 4xx answers are the clients' errors; Celery would log two lines for every email.
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},  # its own handlers do not clean what they write
        "django.request": {"level": "ERROR", "filters": ["unless_away"]},
        "django.security": {"level": "CRITICAL"},  # a foreign Host is answered 400, and may be anything
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
