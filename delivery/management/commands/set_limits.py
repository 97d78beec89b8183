"""manage.py set_limits: how much a team or a key may send."""

import argparse
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from delivery.access import holders
from delivery.management import arguments, base

_DEFAULT: Final = "default"
_WHAT: Final = {
    "per_second": "recipients a second, such as 2.5",
    "burst": "recipients at once; default: a minute's worth",
    "high_per_second": "the same of priority high alone; default: it shares the rate of all",
    "high_burst": "the same of priority high; default: a minute's worth",
    "daily": "recipients in any 24 hours",
    "waiting": "emails that are not finished",
    "stored_mb": "MiB of bodies and attachments that are kept",
}
_RATES: Final = ("per_second", "high_per_second")
_BURSTS: Final = ("burst", "high_burst")
_MOST: Final = 1_000_000_000
_FASTEST: Final = 1_000_000.0


class Command(base.Command):
    help = "Sets limits of a team or a key, or shows them; 0: no limit, `default`: that of the settings."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_holder(parser)
        for name, what in _WHAT.items():
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=_rate if name in _RATES else _number, help=what)

    def handle(self, *args: Any, **options: Any) -> None:
        holder = arguments.holder(options)
        given = {name: options[name] for name in _WHAT if options[name] is not None}
        if any((given.get(name) or 0) > _FASTEST for name in _BURSTS if given.get(name) != _DEFAULT):
            raise CommandError("A burst may be 1,000,000 at most.")
        row = holders.set_limits(
            holder, {name: None if value == _DEFAULT else value for name, value in given.items()}
        )
        self.stdout.write(f"The limits of {holder}; a change counts within a second.")
        for name, what in _WHAT.items():
            self.stdout.write(f"  {name}: {_shown(getattr(row, name))} ({what.partition(';')[0]})")


def _shown(value: float | None) -> str:
    if value is None:
        return "as in the settings"
    return f"{value:,}" if value else "no limit"


def _number(text: str) -> int | str:
    if text == _DEFAULT:
        return text
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number up to {_MOST:,}, nor `default`")
    return int(text)


def _rate(text: str) -> float | str:
    if text == _DEFAULT:
        return text
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number, nor `default`") from error
    if value != 0 and not 0.001 <= value <= _FASTEST:
        raise argparse.ArgumentTypeError("a rate is 0, or between 0.001 and 1,000,000 a second")
    return value
