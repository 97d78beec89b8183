"""The vendors' own suppression lists: an address that is let go here is taken off them, where they let us."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from django.conf import settings
from django.db.models import Q

from delivery.content import tombstones
from delivery.models import Suppression
from delivery.models.suppression import ALL, MARKETING
from delivery.suppressions import lookup
from providers import registry
from providers.errors import ProviderError
from providers.suppressions import Lists

PATIENCE: Final = 15.0  # seconds in which a vendor must have answered: somebody is waiting


def lists() -> dict[str, Lists]:
    """Return the lists of each account that has some, by the account's name."""
    return registry.lists(settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS)


def remove_ended(ended: list[Suppression]) -> dict[str, str]:
    """Take addresses off the vendors' lists whose entries have ended; return, by account, why one could not.

    No transaction may be open. A vendor's list keeps everybody's mail: an address stays on it that is still suppressed
    for all or by what a vendor told of another team's mail, or of which only a list's entry ended. What one of several
    teams entered and ended itself concerns no vendor, either.
    """
    addresses = {entry.address for entry in ended if entry.scope in (ALL, MARKETING) and _concerns(entry)}
    addresses = {address for address in addresses if not tombstones.is_one(address)}  # nobody knows whose
    told = Q(team=None) | Q(event_id__isnull=False)
    kept = Suppression.objects.in_force().filter(told, address__in=addresses)
    gone = addresses - set(kept.values_list("address", flat=True))
    return _removed(sorted(gone)) if gone else {}


def _concerns(entry: Suppression) -> bool:
    """Tell whether the end of an entry may end what a vendor lists, for all teams."""
    return entry.team_id is None or entry.event_id is not None or not lookup.are_several_teams()


def _removed(addresses: list[str]) -> dict[str, str]:
    accounts = lists()
    if not accounts:
        return {}
    threads = ThreadPoolExecutor(max_workers=len(accounts), thread_name_prefix="vendor-lists")
    asked = {threads.submit(_remove, each, addresses): name for name, each in accounts.items()}
    done, _ = wait(asked, timeout=PATIENCE)
    threads.shutdown(wait=False, cancel_futures=True)  # a call under way ends by its own time limit
    return {name: why for call, name in asked.items() if (why := _why(call, call in done))}


def _remove(lists: Lists, addresses: list[str]) -> None:
    try:
        for address in addresses:
            lists.remove(address)
    finally:
        lists.close()


def _why(call: "Future[None]", is_done: bool) -> str:
    if not is_done:
        return f"It has not answered within {PATIENCE:.0f} s."
    error = call.exception()
    if error is not None and not isinstance(error, ProviderError):
        raise error
    return error.detail if error else ""
