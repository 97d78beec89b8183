"""manage.py connect_events: lets a provider tell of its mail, and waits for a test event."""

import re
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from delivery.content import addresses
from delivery.events import polling
from delivery.events.trial import Trial
from delivery.management import base
from delivery.monitoring import readiness
from providers import registry
from providers.configuration import NotConfigured
from providers.connector import Connector, NoTestEvent, State, Step, Variable, Wish
from providers.errors import ProviderError
from providers.message import Mailbox

_FAILED, _UNSET = 1, 2
_HELP = """Sets up a provider's side, so that it tells what became of its mail: says what is there already, and makes
what is missing. Then has the provider send a test event and waits until it is on record. May be run again at any time.
docs/connecting-events.md says what its key must be allowed to do. Exit status: 0 a test event came, or the vendor has
none; 1 something failed; 2 a variable has to be set first."""
_MARKS = {State.THERE: "there", State.DONE: "made", State.MISSING: "missing", State.OPEN: "TO DO"}
_PATH = "/api/v1/email-service/events/{account}/"


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", help="its name in GOMAIL_PROVIDERS")
        parser.add_argument(
            "--url", help="where it posts events; default: by GOMAIL_PUBLIC_URL. It must be https"
        )
        parser.add_argument(
            "--queue",
            action="store_true",
            help="let events wait in a queue of SQS, which the workers read: SES",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what is there and what is missing"
        )
        parser.add_argument(
            "--name",
            help="of the topic, queue and configuration set that are made; default: gomail-events-PROVIDER",
        )
        parser.add_argument("--from", dest="sender", help="sender of the test; default: the first one in use")
        parser.add_argument(
            "--wait", type=int, default=60, metavar="SECONDS", help="for the test event; default: 60"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            one = _trial(options)
            variables = self._connect(one)
            self._tell(variables)
            if not one.wish.dry:
                self._try(one, variables, options["sender"])
        except (NotConfigured, ProviderError) as problem:
            raise CommandError(str(problem), returncode=_FAILED) from None

    def _connect(self, one: Trial) -> list[Variable]:
        variables, made = [], []
        try:
            for found in one.connector.connect(one.wish):
                if isinstance(found, Step):
                    self.stdout.write(f"{_MARKS[found.state]:<8} {found.what}")
                    made += [found.what] if found.state is State.DONE else []
                else:
                    variables.append(found)
        finally:
            if made:
                base.record("events.connected", "provider", one.account, {"made": made})
        return variables

    def _tell(self, variables: list[Variable]) -> None:
        for one in variables:
            if one.is_set:
                self.stdout.write(f"{'set':<8} {one.name}")
        if unset := [one for one in variables if not one.is_set]:
            self.stdout.write("\nSet for the web server and the workers, and start them anew:")
            self.stdout.write("\n".join(f"  {one.name}={one.value or f'… ({one.where})'}" for one in unset))

    def _try(self, one: Trial, variables: list[Variable], sender: str | None) -> None:
        if one.wish.url and not all(variable.is_set for variable in variables):
            self.stdout.write("\nThen run this command again: it has a test event sent.")
            raise SystemExit(_UNSET)
        if not one.confirm():
            raise CommandError(
                f"{one.account} has not asked {one.wish.url} for confirmation. {_why(one.wish)}"
            )
        self.stdout.write(f"\nWaiting up to {one.seconds:.0f} s for a test event of {one.account} …")
        try:
            came = one.run(_sender(sender), None if one.wish.url else _poller(one.account, variables))
        except NoTestEvent as none:
            self.stdout.write(str(none))
            return
        if not came:
            raise CommandError(f"No test event came in {one.seconds:.0f} s. {_why(one.wish)}")
        self.stdout.write(f"It came, and is on record: {', '.join(came)}.")


def _trial(options: dict[str, Any]) -> Trial:
    account = options["provider"]
    connector = registry.connector(account, settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS)
    seconds = float(options["wait"])
    return Trial(account=account, connector=connector, wish=_wish(connector, options), seconds=seconds)


def _wish(connector: Connector, options: dict[str, Any]) -> Wish:
    if options["queue"] and not connector.takes_queue:
        raise CommandError(f"{options['provider']} has no queue; its events come to a URL.")
    url = "" if options["queue"] else _url(options)
    if connector.signs_url and url != _own_url(options["provider"]):
        raise CommandError(
            f"{options['provider']} signs the URL: set GOMAIL_PUBLIC_URL to what the URL begins with."
        )
    name = options["name"] or re.sub(r"[^A-Za-z0-9_-]", "-", f"gomail-events-{options['provider']}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise CommandError("--name may have 64 letters, digits, - and _.")
    return Wish(url=url, name=name, dry=options["dry_run"])


def _own_url(account: str) -> str:
    """Return the URL of an account's events by GOMAIL_PUBLIC_URL; empty if that is not set."""
    return (
        settings.GOMAIL_PUBLIC_URL
        and f"{settings.GOMAIL_PUBLIC_URL.rstrip('/')}{_PATH.format(account=account)}"
    )


def _url(options: dict[str, Any]) -> str:
    url = options["url"] or _own_url(options["provider"])
    if not url:
        raise CommandError("Set GOMAIL_PUBLIC_URL, or give the address of events with --url.")
    if not re.fullmatch(r"https://[^\s/@]+/\S*", url):
        raise CommandError(f"Events are posted over https only, not to {url}.")
    return str(url)


def _sender(given: str | None) -> Mailbox:
    known = [given] if given else readiness.senders_in_use()[:1]
    if not known:
        raise CommandError(
            "No sender for the test is known. Give one with --from, or set DEFAULT_FROM_EMAIL."
        )
    try:
        return addresses.mailbox(known[0])
    except addresses.InvalidAddress as error:
        raise CommandError(str(error)) from error


def _poller(account: str, variables: list[Variable]) -> polling.Poller | None:
    """Return what reads the queue by the configuration as it will be once the variables are set."""
    configured = {**settings.PROVIDER_SECRETS, **{one.name: one.value for one in variables if one.value}}
    queue = registry.queues(settings.GOMAIL_PROVIDERS, configured).get(account)
    return polling.Poller(account, queue) if queue else None


def _why(wish: Wish) -> str:
    """Return what to look at when nothing came."""
    if not wish.url:
        return (
            "Look in the AWS console whether messages wait in the queue, and whether the configuration set's event "
            "destination is on. A mail that SES has not taken has no event."
        )
    return (
        f"Look whether {wish.url} reaches this installation from outside: `curl -i -X POST` to it answers 403, 406 or "
        "503, never 404 or a redirect. The web server's log names each post that it refuses, and why."
    )
