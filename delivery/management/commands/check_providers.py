"""manage.py check_providers: checks the readiness of every provider, before an outage."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from delivery.management import base
from delivery.monitoring import provider_status, quotas, readiness
from delivery.monitoring.arrivals import State
from delivery.monitoring.provider_status import ProviderStatus
from delivery.monitoring.quotas import QuotaStatus
from delivery.routing import configured
from providers.base import Metered
from providers.readiness import Readiness

_READY, _NOT_READY, _NOTHING = 0, 1, 2
_VERIFIED = {True: "verified", False: "NOT VERIFIED", None: "unknown"}
_SANDBOX = "in the vendor's sandbox: it does not deliver to everybody"
_HELP = """Asks the providers, without sending anything, whether they would accept mail from the senders in use.
Exit status: 0 all would; 1 one would not, or a sender in use is not verified there; 2 nothing is configured."""


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", nargs="*", help="its name in GOMAIL_PROVIDERS; default: all")
        parser.add_argument("--json", action="store_true", help="print JSON, for monitoring")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["provider"] or [*configured.names(), *_left_out()]
        if unknown := [name for name in names if name not in configured.names() and name not in _left_out()]:
            raise CommandError(
                f"There is no provider {unknown[0]!r} in GOMAIL_PROVIDERS.", returncode=_NOTHING
            )
        left_out = [reason for name, reason in _left_out().items() if name in names]
        found = [(answer, provider_status.of(answer.provider)) for answer in self._asked(names)]
        status = _status(found, left_out)
        self.stdout.write(_as_json(found, left_out, status) if options["json"] else _as_text(found, left_out))
        if status:
            raise SystemExit(status)

    def _asked(self, names: list[str]) -> Iterator[Readiness]:
        senders = readiness.senders_in_use()
        for provider in configured.providers():
            if provider.name in names:
                self.stderr.write(f"Asking {provider.name} …")
                if isinstance(provider, Metered):
                    quotas.refresh(provider)
                yield readiness.check(provider, senders)[1]


Found = list[tuple[Readiness, ProviderStatus]]


def _left_out() -> dict[str, str]:
    """Return why providers are left out, by name: each sentence begins with it."""
    return {reason.partition(" ")[0]: reason for reason in configured.problems()}


def _status(found: Found, left_out: list[str]) -> int:
    if not configured.providers():
        return _NOTHING
    well = all(_carries(answer) and not _unverified(answer) for answer, _ in found)
    return _READY if well and not left_out else _NOT_READY


def _unverified(answer: Readiness) -> list[str]:
    return [address for address, sender in answer.senders.items() if sender.verified is False]


def _as_text(found: Found, left_out: list[str]) -> str:
    blocks = ["\n".join(_lines(*one)) for one in found]
    closing = [_summary(found)] if found else []
    none = (
        [] if configured.providers() else ["No provider is configured; .env.example names what each needs."]
    )
    return "\n\n".join(["", *blocks, *left_out, *closing, *none])


def _summary(found: Found) -> str:
    ready = [answer.provider for answer, _ in found if _carries(answer)]
    verdict = f"{len(ready)} of {len(found)} providers would carry mail"
    refused = sum(len(_unverified(answer)) for answer, _ in found)
    return f"{verdict}; senders in use that are not verified: {refused}." if refused else f"{verdict}."


def _lines(answer: Readiness, known: ProviderStatus) -> Iterator[str]:
    yield f"{known.position}. {known.name}: {_verdict(answer)}"
    yield from (f"   PROBLEM  {problem}" for problem in answer.problems)
    yield from (f"   note     {warning}" for warning in answer.warnings)
    yield f"   account  {_account(answer)}"
    yield f"   quota    {_quota(answer)}"
    yield from (f"   pace     {sentence}" for sentence in _pace(known.quota))
    yield f"   circuit  {_circuit(known)}"
    yield f"   last     success: {_when(known.last_success_at)}; failure: {_failure(known)}"
    yield f"   events   {_events(known)}"
    for address, sender in sorted(answer.senders.items(), key=lambda item: item[0].rpartition("@")[::-1]):
        yield f"   sender   {address}: {_VERIFIED[sender.verified]}. {sender.detail}".rstrip()


def _events(known: ProviderStatus) -> str:
    found = known.arrivals
    last = f"the last one came {_when(found.last_at)}" if found.last_at else "none has ever come"
    if found.state is State.SILENT:
        todo = f"Run manage.py connect_events {known.name}."
        return f"SILENT: it accepted mail {_when(found.accepted_at)}, and {last}. {todo}"
    if found.state is State.NOT_CONNECTED:
        return f"not connected: manage.py connect_events {known.name} does it"
    if found.state is State.NONE:
        return "GoMail does not connect those of this type"
    return f"connected; {last}"


def _verdict(answer: Readiness) -> str:
    if not _carries(answer):
        return "WOULD NOT CARRY MAIL"
    return "would carry mail" if answer.asked else "can be tested only by sending; no problem is known"


def _carries(answer: Readiness) -> bool:
    """Tell whether it would accept and deliver mail; in the vendor's sandbox it does not deliver to everybody."""
    return answer.ready and answer.sandbox is not True


def _account(answer: Readiness) -> str:
    return {True: _SANDBOX, False: "in production", None: "not known whether in production"}[answer.sandbox]


def _quota(answer: Readiness) -> str:
    quota = answer.quota
    if quota is None:
        return "unknown"
    return (
        f"{quota.used:.0f} of {quota.limit:.0f} per {quota.per} are used, {quota.limit - quota.used:.0f} left"
    )


def _pace(quota: QuotaStatus | None) -> Iterator[str]:
    """Yield how fast and how much it may send, and for how long that lasts."""
    if quota is None:
        return
    if quota.per_second:
        yield f"{quota.per_second:g} recipients a second at most"
    if quota.day is not None:
        kept = f"the last {quota.kept_for_high:,} are kept for high priority"
        yield f"{quota.used:,} of {quota.day:,} recipients of the day are used; {kept}"
    if quota.next_takes_over_at:
        yield f"at this pace the next provider takes over {_when(quota.next_takes_over_at)}"


def _circuit(known: ProviderStatus) -> str:
    words = ". ".join(filter(None, (known.circuit.word, known.circuit.reason)))
    refused = ", ".join(one.sender for one in known.senders_refused)
    return f"{words}; not used for senders of {refused}" if refused else words


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "none known"


def _failure(known: ProviderStatus) -> str:
    failure = known.last_failure
    return f"{_when(failure.at)}, {failure.error}: {failure.detail}" if failure else "none known"


def _as_json(found: Found, left_out: list[str], status: int) -> str:
    providers = [_row(*one) for one in found]
    whole = {"ready": status == _READY, "providers": providers, "left_out": left_out}
    return json.dumps(whole, indent=2, cls=DjangoJSONEncoder)


def _row(answer: Readiness, known: ProviderStatus) -> dict[str, Any]:
    quota, failure = answer.quota, known.last_failure
    return {
        "name": known.name,
        "type": known.type,
        "position": known.position,
        "ready": _carries(answer),
        "asked": answer.asked,
        "problems": answer.problems,
        "warnings": answer.warnings,
        "sandbox": answer.sandbox,
        "quota": {"limit": quota.limit, "used": quota.used, "per": quota.per} if quota else None,
        "senders": {
            address: {"verified": sender.verified, "detail": sender.detail}
            for address, sender in answer.senders.items()
        },
        "pace": asdict(known.quota) if known.quota else None,
        "circuit": known.circuit.word,
        "events": asdict(known.arrivals),
        "last_success_at": known.last_success_at,
        "last_failure": {"at": failure.at, "error": failure.error, "detail": failure.detail}
        if failure
        else None,
    }
