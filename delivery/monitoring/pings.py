"""The heartbeat: a service elsewhere is pinged each minute, and tells people when that ends. No alert of ours could."""

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from delivery.models import Lookout
from providers.errors import ProviderError
from providers.wire import http

EVERY: Final = timedelta(seconds=60)
_TIMEOUTS: Final = http.Timeouts(connect=5.0, read=5.0, total=10.0)
log = logging.getLogger(__name__)


def ping_due() -> None:
    """Ping GOMAIL_HEARTBEAT_URL if it is due. Its path is a secret: it is never logged."""
    if not settings.HEARTBEAT_SECRET or not _take_turn():
        return
    transport = http.Transport("GOMAIL_HEARTBEAT_URL", timeouts=_TIMEOUTS, connections=1)
    try:
        answer = transport.get(settings.HEARTBEAT_SECRET, {"User-Agent": "gomail"})
    except ProviderError as error:
        log.warning("GOMAIL_HEARTBEAT_URL could not be pinged: %s", error.kind)
    else:
        if not 200 <= answer.status < 300:
            log.warning("GOMAIL_HEARTBEAT_URL answered %d", answer.status)
    finally:
        transport.close()


def _take_turn() -> bool:
    now = Now()
    old = Q(pinged_at=None) | Q(pinged_at__lte=now - EVERY) | Q(pinged_at__gt=now)
    return bool(Lookout.objects.filter(old).update(pinged_at=now))
