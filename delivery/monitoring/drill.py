"""The drill: hands each provider a test mail that nobody gets, to tell which would carry the load today.

Only who would is stored, so that people are told of a provider that would not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from delivery.db import clock, ids
from delivery.models import Attempt, DrillResult
from delivery.routing import configured, gate
from providers import message as border
from providers.base import Limits, Provider
from providers.errors import ProviderError
from providers.message import Mailbox, Message
from providers.readiness import NoTestMode, Quota, Readiness

_DAY = timedelta(hours=24)
_DAYS_OF_PERIOD = {"hour": 1 / 24, "24 hours": 1, "day": 1, "week": 7, "month": 30, "year": 365}
_TEXT = "This is GoMail's drill. It was handed over in the vendor's test mode; nobody should get it."


@dataclass(frozen=True, kw_only=True)
class Leg:
    """The result of a drill for one provider."""

    name: str
    limits: Limits
    hindrances: tuple[str, ...] = ()  # why it would not accept mail from this sender now; empty: it would
    notes: tuple[str, ...] = ()  # how that is known, and anything else a person should know
    quota: Quota | None = None  # None: unknown

    @property
    def carries(self) -> bool:
        """Tell whether it would accept mail."""
        return not self.hindrances


def rehearse(sender: Mailbox, *, without: Iterable[str] = ()) -> Iterator[Leg]:
    """Yield the result of a test mail at each provider, in order of preference, as soon as it is known."""
    left_out = set(without)
    for provider in configured.providers():
        if provider.name not in left_out:
            yield _leg(provider, sender)


def store(leg: Leg) -> None:
    """Store whether a provider carries."""
    DrillResult.objects.update_or_create(
        provider=leg.name, defaults={"carries": leg.carries, "at": clock.now()}
    )


def volume() -> int:
    """Return the number of emails that providers accepted in the last 24 hours."""
    since = ids.floor(clock.now() - _DAY)
    return Attempt.objects.filter(id__gte=since, outcome=Attempt.Outcome.ACCEPTED).count()


def differences(failed: Limits, stand_in: Limits) -> list[str]:
    """Return in words the kinds of mail that the failed provider takes and the stand-in does not."""
    found = []
    if stand_in.max_bytes < failed.max_bytes:
        found.append(f"messages over {stand_in.max_bytes / 1e6:.0f} MB (instead of {_mb(failed)})")
    if stand_in.max_recipients < failed.max_recipients:
        most = f"{stand_in.max_recipients} recipients (instead of {failed.max_recipients})"
        found.append(f"messages to more than {most}")
    if more := sorted(stand_in.blocked_extensions - failed.blocked_extensions):
        found.append(f"{len(more)} more kinds of files, such as .{more[0]}")
    if failed.empty_files and not stand_in.empty_files:
        found.append("messages with an empty file")
    if failed.special_use_domains and not stand_in.special_use_domains:
        found.append("messages to names of a private network, such as .local")
    return found


def lasts(quota: Quota, emails_a_day: int) -> bool | None:
    """Tell whether the rest of a quota is enough for a day at this volume, or for its period if that is shorter.

    None: unknown.
    """
    days = _DAYS_OF_PERIOD.get(quota.per)
    if days is None or quota.limit < 0:
        return None
    return quota.limit - quota.used >= emails_a_day * min(days, 1)


def _mb(limits: Limits) -> str:
    return f"{limits.max_bytes / 1e6:.0f}"


def _leg(provider: Provider, sender: Mailbox) -> Leg:
    message = _message(sender)
    unfit = configured.unfit(provider, message)
    seen = gate.outlook(provider.name, sender.address.lower())
    shut = () if seen.lets_through else (seen.reason,)
    hindered, note = ((unfit,), "") if unfit else _rehearsed(provider, message)
    told = provider.check([sender.address])
    return Leg(
        name=provider.name,
        limits=provider.limits,
        hindrances=_different((*shut, *hindered, *_refusals(told, sender.address))),
        notes=_different((note, seen.reason if seen.lets_through else "", *told.warnings)),
        quota=told.quota,
    )


def _rehearsed(provider: Provider, message: Message) -> tuple[tuple[str, ...], str]:
    """Return why the test mail was refused, and a note about the test."""
    try:
        receipt = provider.rehearse(message, str(ids.uuid7()))
    except NoTestMode as none:
        return (), f"{none} The rest of this result is from its readiness check."
    except ProviderError as error:
        return (error.detail,), ""
    refused = tuple(f"{address}: {reason}" for address, reason in receipt.refused.items())
    held = (receipt.account_problem,) if receipt.account_problem else ()
    taken = f"{provider.name} has taken the test mail" + (
        f", as {receipt.message_id}" * bool(receipt.message_id)
    )
    return (*refused, *held), f"{taken}."


def _refusals(told: Readiness, address: str) -> Iterator[str]:
    yield from told.problems
    if told.sandbox:
        yield f"{told.provider} is in the vendor's sandbox and does not deliver to everybody."
    sender = told.senders.get(address)
    if sender and sender.verified is False:
        yield f"{told.provider} would not take mail from {address}. {sender.detail}".rstrip()


def _message(sender: Mailbox) -> border.Message:
    now = clock.now()
    return Message(
        id=str(ids.at(now)),
        date=now,
        sender=sender,
        to=(
            Mailbox(address=sender.address),
        ),  # where a vendor's test mode should fail, the mail stays at home
        subject="GoMail drill",
        text=_TEXT,
    )


def _different(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, sentences)))
