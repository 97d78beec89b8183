"""What the log says beside a search for an address: that mail to it is stopped, of which no email is left to find."""

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from delivery.access.scopes import Scope
from delivery.admin import pages, permissions
from delivery.content import addresses, tombstones
from delivery.models import Suppression
from delivery.models.suppression import LIST

_FIELD: Final = "to:"
_MOST: Final = 5


def of_search(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the entries in force of the whole address that is searched for, as far as the person may see them."""
    term = request.GET.get("q", "").strip()
    try:
        address = addresses.canonical(addresses.bare(term.removeprefix(_FIELD).strip().strip('"')))
    except addresses.InvalidAddress:
        return []
    entered = Suppression.objects.in_force().filter(address__in=[address, *tombstones.of(address)])
    mine = permissions.visible(
        request, entered.select_related("team").order_by("-id"), Scope.SUPPRESSIONS_READ
    )
    return [{**_shown(entry), "address": address} for entry in mine[:_MOST]]


def _shown(entry: Suppression) -> dict[str, Any]:
    stops = f"the list {entry.scope.removeprefix(LIST)}" if entry.scope.startswith(LIST) else entry.scope
    return {
        "entry": entry,
        "stops": "mail" if stops == "all" else f"mail for {stops}",
        "since": pages.moment(entry.first_seen),
        "link": reverse("admin:delivery_suppression_change", args=[entry.pk]),
    }
