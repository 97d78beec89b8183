"""The compiled reads that each process makes once a second, where nothing is to be found yet."""

from collections.abc import Callable
from typing import Any

from delivery.access import keys
from delivery.library import signatures
from delivery.queue import fairness
from delivery.routing import circuit_cache, quotas
from delivery.submission import backpressure
from delivery.suppressions import screening
from delivery.webhooks import listeners

READS: dict[str, Callable[[], Any]] = {
    "access.keys._LIVE": lambda: keys._LIVE.run(["none"]),
    "submission.backpressure._DUE": lambda: backpressure._DUE.run(most=1),
    "queue.fairness._ANY_DUE": lambda: fairness._ANY_DUE.run(priority="normal"),
    "routing.circuit_cache._APPLYING": lambda: circuit_cache._APPLYING.run([]),
    "routing.quotas._TOLD": lambda: quotas._TOLD.run(["ses"]),
    "webhooks.listeners._LISTENING": listeners._LISTENING.run,
    "library.signatures._SIGNING": signatures._SIGNING.run,
    "suppressions.screening._ANY": screening._ANY.run,
}
