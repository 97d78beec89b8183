"""Fresh claims: made a moment ago, they last for an attempt as they are, and no row need be written to renew them."""

from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Now

from delivery.db import compiled
from delivery.db.compiled import Parameters
from delivery.models import Email
from delivery.models.email import LEASE
from delivery.sending.attempts import ClaimLost

_LASTING: Final = LEASE * 3 / 4  # an attempt is limited to less than half of a lease


def hold(*emails: Email) -> None:
    """Lock the emails in the caller's transaction; raise ClaimLost if any is not ours, or not for long enough."""
    held = {(pk, epoch) for pk, epoch in _FRESH.run([email.pk for email in emails])}
    if any((email.pk, email.epoch) not in held for email in emails):
        raise ClaimLost


def _fresh(pks: Parameters) -> QuerySet[Email, Any]:
    lasting = Email.objects.filter(status=Email.Status.SENDING, lease_until__gt=Now() + _LASTING)
    # In the order in which events lock emails, too.
    return lasting.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk", "epoch")


_FRESH = compiled.SelectColumns("pk", _fresh)
