"""People who are told: a receiver on loopback, and what it was told."""

from datetime import timedelta
from typing import Any

from django.db.models import F

from delivery.db import ids
from delivery.models import Alert, Incident, Lookout
from delivery.monitoring import alerts, incidents
from delivery.monitoring.incidents import Trouble
from tests.providers.fault_server import FaultServer

KIND = Incident.Kind.CIRCUIT
_MOMENTS = ("opened_at", "seen_at", "closed_at", "told_at", "tell_at", "lease_until", "acknowledged_at")


def titles(receiver: FaultServer) -> list[str]:
    """Return what people were told, without what all titles begin with."""
    told = (got.json() for got in receiver.received if got.method == "POST")
    return [each["title"].removeprefix("GoMail: ") for each in told]


def see(*subjects: str, kind: str = KIND, **options: Any) -> None:
    """See trouble with these, and with no others."""
    troubles = [Trouble(subject=subject, said=f"{subject} is in trouble.") for subject in subjects]
    incidents.observe(kind, troubles, **options)


def tell() -> None:
    Lookout.objects.get_or_create(pk=Lookout.THE_ONE)
    alerts.tell_due(lambda: True)


def pass_by(**length: float) -> None:
    """Let so much time go by: all that is on record is older by it."""
    past = timedelta(**length)
    Incident.objects.update(**{name: F(name) - past for name in _MOMENTS})
    Lookout.objects.update(digest_at=F("digest_at") - past, pinged_at=F("pinged_at") - past)
    for alert in Alert.objects.order_by("id"):
        Alert.objects.filter(pk=alert.pk).update(id=ids.at(alert.at - past), at=alert.at - past)
