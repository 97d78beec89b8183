"""gunicorn's own log, as clean as the rest: paths without queries, and no header that a client has written."""

import logging
from typing import Any

from gunicorn.glogging import Logger

from gomail import environment
from gomail.logs import Json, OneLine

ACCESS_FORMAT = "%(h)s %(m)s %(U)s %(s)s %(b)s %(M)s ms"
_IN_JSON = environment.text("LOG_FORMAT") == "json"
_FROM_CLIENTS = {"q": "", "f": "-", "a": "-", "u": "-"}  # query, referrer, user agent, name


class Log(Logger):  # type: ignore[misc]
    """The two logs of the server."""

    def setup(self, cfg: Any) -> None:
        """Give gunicorn's handlers our formatter."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                plain = handler.formatter or logging.Formatter()
                handler.setFormatter(Json() if _IN_JSON else OneLine(plain._fmt, plain.datefmt))

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        """Return what an access line may say: of the request its method and path alone."""
        found: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        said = {
            name: value for name, value in found.items() if not name.startswith("{") or name.endswith("}o")
        }
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['SERVER_PROTOCOL']}"
        return {**said, **_FROM_CLIENTS, "r": line}
