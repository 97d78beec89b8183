"""How long the tests' providers wait: for whoever answers, and for whoever never does.

A busy machine may take half a second for an answer. Whoever hangs is waited for to the end, in every such test.
"""

from collections.abc import Mapping
from typing import Any

from providers.wire.http import Timeouts
from tests.providers.fault_server import Fault
from tests.providers.smtp.server import HANG

QUICK = Timeouts(connect=0.5, read=0.6, total=2.0)
HASTY = Timeouts(connect=0.25, read=0.25, total=1.0)


def patience(far_end: Fault | Mapping[str, Any]) -> Timeouts:
    """Return how long to wait for a server with this fault, or with this script of SMTP."""
    hangs = far_end.end == "hang" if isinstance(far_end, Fault) else HANG in far_end.values()
    return HASTY if hangs else QUICK
