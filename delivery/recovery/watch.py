"""What every process of GoMail looks at every few seconds: its clock, the database's past, and the file it lies in."""

import logging
import os
import signal

from delivery.db import clock, session
from delivery.queue import watermark
from delivery.recovery import rescue, restores

log = logging.getLogger(__name__)


class _Said:
    """What has been said of the clock, so that it is said once."""

    clock = False


def look() -> None:
    """Look at all of it, and write down what gone processes of this machine have left."""
    try:
        session.refuse_a_replaced_file()
    except session.Replaced as replaced:
        log.critical("%s", replaced)
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    clock.measure()
    _judge_clock()
    watermark.look()
    rescue.inherit()
    restores.place_lost()


def _judge_clock() -> None:
    ahead = clock.ahead()
    is_off = abs(ahead) > clock.LIMIT
    if is_off and not _Said.clock:
        log.error(
            "This machine's clock is %.0f s %s the database's; GoMail goes by the database's. Set it right by NTP.",
            abs(ahead),
            "ahead of" if ahead > 0 else "behind",
        )
    _Said.clock = is_off
