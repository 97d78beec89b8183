"""manage.py drill: tells which provider would carry the load today, and which one if another were down."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.content import addresses
from delivery.management import base
from delivery.monitoring import drill, readiness
from delivery.monitoring.drill import Leg
from delivery.routing import configured
from providers.message import Mailbox

_HELP = """Hands each provider a test mail in the vendor's test mode, so that nobody gets it, and tells which
would carry the load, in order. Exit status: 0 one would; 1 none would."""


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="sender", help="the sender; default: the first one in use")
        parser.add_argument(
            "--fail",
            action="append",
            default=[],
            metavar="NAME",
            help="assume that this provider is down; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sender, failed = _sender(options["sender"]), options["fail"]
        if unknown := [name for name in failed if name not in configured.names()]:
            raise CommandError(
                f"There is no provider {unknown[0]!r} to fail, only {', '.join(configured.names())}."
            )
        self.stderr.write(f"Rehearsing mail from {sender.address} with each provider …")
        legs = []
        for leg in drill.rehearse(sender, without=failed):
            drill.store(leg)
            self.stdout.write("\n".join(_lines(leg)))
            legs.append(leg)
        self.stdout.write("\n" + "\n".join(_conclusion(legs, failed)))
        if not any(leg.carries for leg in legs):
            raise SystemExit(1)


def _sender(given: str | None) -> Mailbox:
    known = [given] if given else readiness.senders_in_use()[:1]
    if not known:
        raise CommandError("No sender is known. Give one with --from, or set DEFAULT_FROM_EMAIL.")
    try:
        return addresses.mailbox(known[0])
    except addresses.InvalidAddress as error:
        raise CommandError(str(error)) from error


def _lines(leg: Leg) -> Iterator[str]:
    yield f"{leg.name}: {'carries' if leg.carries else 'DOES NOT CARRY'}"
    yield from (f"   because  {hindrance}" for hindrance in leg.hindrances)
    yield from (f"   note     {note}" for note in leg.notes)


def _conclusion(legs: Sequence[Leg], failed: Sequence[str]) -> Iterator[str]:
    when = f"If {' and '.join(failed)} were down" if failed else "Today"
    carrying = [leg for leg in legs if leg.carries]
    if not carrying:
        yield f"{when} no provider would carry the load: emails would be queued and retried until their deadline."
        return
    yield f"{when} {carrying[0].name} would carry the load."
    if len(carrying) > 1:
        yield f"After it, in this order: {', '.join(leg.name for leg in carrying[1:])}."
    elif len(carrying) == 1:
        yield "There is none after it."
    for name in failed:
        yield from _stand_in(name, carrying[0])
    yield _load(carrying[0], drill.volume())


def _stand_in(failed: str, leg: Leg) -> Iterator[str]:
    limits = next(provider.limits for provider in configured.providers() if provider.name == failed)
    for difference in drill.differences(limits, leg.limits):
        yield f"Unlike {failed}, {leg.name} does not take {difference}."


def _load(leg: Leg, volume: int) -> str:
    taken = f"Emails accepted in the last 24 hours: {volume}"
    if leg.quota is None:
        return f"{taken}; the quota of {leg.name} is unknown."
    quota = leg.quota
    left = f"{leg.name} has {quota.limit - quota.used:.0f} of {quota.limit:.0f} per {quota.per} left"
    last = {True: "That is enough.", False: "THAT IS NOT ENOUGH.", None: ""}[drill.lasts(quota, volume)]
    return f"{taken}; {left}. {last}".rstrip()
