"""The domains that senders use: what each provider says of them, and what DNS has of the records that it wants.

Providers and name servers are asked when somebody wants to know, all at once and within ten seconds. Nothing is stored.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, TypeVar

from django.conf import settings

from delivery.models import ApiKey, ProviderCheck, Team
from delivery.monitoring import dns_check, provider_status, readiness, spf
from delivery.monitoring.dns_check import Finding, State
from delivery.monitoring.spf import Reach
from delivery.routing import configured
from delivery.search import senders
from providers.sender_domains import Purpose, Record, SenderDomain

_VENDORS: Final = 6.5  # seconds in which providers must have answered
_MOST: Final = 40  # records that are looked up
_THREADS: Final = 40  # more than there are look-ups: none waits for another
_POLICY: Final = "v=DMARC1; p=none;"
_HIGHEST: Final = 4  # domains above one that may have a DMARC record for it

Key = TypeVar("Key")
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """What DNS has for one name and type."""

    values: Sequence[str]
    reach: Reach | None = None  # of the SPF record among them


Found = Mapping[tuple[str, str], LookedUp | str]  # by name and type; or a sentence why nothing is known


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One record that is wanted, and what DNS has of it."""

    record: Record
    finding: Finding | None  # None: DNS was not asked


@dataclass(frozen=True, kw_only=True)
class OfProvider:
    """What one provider wants for a domain."""

    name: str
    said: SenderDomain
    records: tuple[Checked, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that is known of one domain."""

    domain: str
    dmarc: Checked
    providers: tuple[OfProvider, ...]


def in_use() -> list[str]:
    """Return the domains of all senders of the installation: of the log, the API keys and the settings."""
    rules = ApiKey.objects.filter(revoked_at=None).values_list("from_addresses", flat=True)
    named = [rule for some in rules for rule in some]
    seen = [f"@{domain}" for domain in senders.domains()]
    return _sorted([*seen, *named, settings.DEFAULT_FROM_EMAIL or ""])


def of_teams(teams: Collection[Team]) -> list[str]:
    """Return the domains that these teams send from, may by their keys, or do where they name no sender."""
    return _sorted([sender for team in teams for sender in provider_status.senders_of(team)])


def last_known(domains: Iterable[str]) -> dict[str, dict[str, bool | None]]:
    """Return by domain and provider whether it was verified at the last readiness check, where that told."""
    checks = readiness.answers()
    return {domain: _last_known(domain, checks) for domain in domains}


def ask(domain: str) -> Report:
    """Ask each provider, then the name servers; within ten seconds, whatever they do."""
    said = _asked_of_vendors(domain)
    wanted = [record for each in said for record in each.records][:_MOST]
    dmarc, above = _dmarc(domain), _above(domain)
    found = _looked_up([*wanted, dmarc, *above])
    return Report(
        domain=domain,
        dmarc=Checked(record=dmarc, finding=_of_dmarc(dmarc, above, found)),
        providers=tuple(_of_provider(each, found) for each in said),
    )


def unasked(domain: str) -> Checked:
    """Return the DMARC record that a domain needs; DNS is not asked."""
    return Checked(record=_dmarc(domain), finding=None)


def _sorted(several: Iterable[str]) -> list[str]:
    """Return the domains of addresses, of rules for whole domains, and of mailboxes with a name."""
    found = {each.rpartition("@")[2].rstrip("> ").lower() for each in several if "@" in each}
    return sorted(found, key=lambda domain: domain.split(".")[::-1])


def _last_known(domain: str, checks: Mapping[str, ProviderCheck]) -> dict[str, bool | None]:
    found = {}
    for name, check in checks.items():
        told = [one.get("verified") for address, one in check.senders.items() if _is_at(address, domain)]
        if told:
            found[name] = False if False in told else None if None in told else True
    return found


def _is_at(address: str, domain: str) -> bool:
    return address.rpartition("@")[2].lower() == domain


def _asked_of_vendors(domain: str) -> list[SenderDomain]:
    accounts = configured.sender_domains()
    try:
        answers = _together({name: _asking(one.ask, domain) for name, one in accounts.items()}, _VENDORS)
    finally:
        for one in accounts.values():
            one.close()
    silent = f"It has not answered within {_VENDORS:.0f} s. Ask again, or look at its status page."
    return [
        answers.get(name) or SenderDomain(provider=name, verified=None, detail=silent, asked=False)
        for name in accounts
    ]


def _asking(ask: Callable[[str], Answer], about: str) -> Callable[[], Answer]:
    return lambda: ask(about)


def _looked_up(records: Sequence[Record]) -> Found:
    """Return what each name and type came to, or a sentence why nothing is known of it."""
    from delivery.monitoring import resolver  # now: it takes 0.15 s, and every process loads the admin

    places = dict.fromkeys((record.name, record.type) for record in records)
    followed = {record.name for record in records if record.purpose == Purpose.SPF}
    calls = {place: _looking(*place, follows=place[0] in followed) for place in places}
    return _together(calls, resolver.SECONDS + 0.2)


def _looking(name: str, kind: str, *, follows: bool) -> Callable[[], LookedUp | str]:
    def inner() -> LookedUp | str:
        from delivery.monitoring import resolver

        until = time.monotonic() + resolver.SECONDS
        try:
            values = resolver.values(name, kind)
        except resolver.Unanswered as reason:
            return str(reason)
        known = spf.records(values) if follows and kind == "TXT" else []
        if len(known) != 1:
            return LookedUp(values=values)
        return LookedUp(values=values, reach=spf.follow(known[0], name, _values, until - time.monotonic()))

    return inner


def _values(name: str, kind: str, seconds: float) -> Sequence[str]:
    from delivery.monitoring import resolver

    try:
        return resolver.values(name, kind, seconds)
    except resolver.Unanswered as reason:
        raise spf.Unread(str(reason)) from reason


def _together(calls: Mapping[Key, Callable[[], Answer]], seconds: float) -> dict[Key, Answer]:
    """Return what the calls returned within these seconds; one under way then ends by its own time limit."""
    threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="sender-domains")
    begun = {threads.submit(call): key for key, call in calls.items()}
    done, _ = wait(begun, timeout=seconds)
    threads.shutdown(wait=False, cancel_futures=True)
    return {begun[call]: call.result() for call in done}


def _of_provider(said: SenderDomain, found: Found) -> OfProvider:
    checked = [Checked(record=each, finding=_finding(each, found)) for each in said.records]
    return OfProvider(name=said.provider, said=said, records=tuple(checked))


def _finding(record: Record, found: Found) -> Finding:
    known = found.get((record.name, record.type), "It was not looked up in time. Ask again.")
    if isinstance(known, str):
        return Finding(state=State.UNASKED, advice=known)
    return dns_check.judge(record, known.values, known.reach)


def _of_dmarc(record: Record, above: Sequence[Record], found: Found) -> Finding:
    """Return the finding of a domain, or that of the nearest domain above that covers it."""
    own = _finding(record, found)
    if own.state != State.MISSING:
        return own
    for each in above:
        known = found.get((each.name, each.type), "")
        covered = None if isinstance(known, str) else dns_check.inherited(known.values, each.name)
        if covered:
            return covered
    return own


def _dmarc(domain: str) -> Record:
    return Record(purpose=Purpose.DMARC, type="TXT", name=f"_dmarc.{domain}", value=_POLICY)


def _above(domain: str) -> list[Record]:
    labels = domain.split(".")
    parents = [".".join(labels[depth:]) for depth in range(1, len(labels) - 1)]
    return [_dmarc(parent) for parent in parents[-_HIGHEST:]]
