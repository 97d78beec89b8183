"""The lines that a test has logged, as they would be written, and whether one holds somebody's address."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from gomail.logs import Busy, Json, OneLine

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


_WORKER = "celery@"  # begins the name that a worker of Celery has, at its machine


class _Keeper(logging.Handler):
    """Keeps what is logged in both forms."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.addFilter(Busy())
        self._forms = (OneLine("%(name)s %(message)s"), Json())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [form.format(record) for form in self._forms]


@contextmanager
def of_the_log() -> Iterator[list[str]]:
    """Give the lines of all loggers as they come."""
    keeper = _Keeper()
    logging.getLogger().addHandler(keeper)
    try:
        yield keeper.lines
    finally:
        logging.getLogger().removeHandler(keeper)


def with_addresses(lines: Iterable[str]) -> list[str]:
    """Return those with a whole address; of one that is hidden the domain is left."""
    return [line for line in lines if _ADDRESS.search(line.replace(_WORKER, ""))]
