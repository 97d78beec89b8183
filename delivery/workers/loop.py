"""What every worker does, whichever engine drives it: one guarded step, one email, and the rescue of orphans."""

import logging
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.db import close_old_connections

from delivery.db.outages import AWAY
from delivery.models import Email
from delivery.recovery import rescue
from delivery.routing import circuits, configured
from delivery.sending import rounds
from delivery.sending.rounds import GoingOn

RESCUE_SECONDS = 5.0  # between two looks at what stopped processes left behind
T = TypeVar("T")
log = logging.getLogger(__name__)


def guarded(action: Callable[[], T], failed: str) -> T | None:
    """Do one thing. Whatever goes wrong with it is logged and must not end the worker, which would do nothing more."""
    close_old_connections()
    try:
        return action()
    except AWAY:
        log.exception("%s: the database cannot be used; it is tried again", failed)
    except Exception:
        log.exception(failed)
    finally:
        close_old_connections()
    return None


def may_begin(going_on: GoingOn) -> bool:
    """Tell whether to take an email: this process goes on, and some provider may be used."""
    return going_on() and circuits.any_may_be_used(configured.names())


def dispatch(pk: UUID, going_on: GoingOn) -> Email | None:
    """Hand over a due email; None when somebody else has it. A defect that shows with it must not stop the others.

    Raises what says that the database is away.
    """
    try:
        return rounds.dispatch(pk, going_on)
    except AWAY:
        raise
    except Exception:
        log.exception("Email %s could not be handed over; its claim ends by itself", pk)
        return None


def clean_up() -> None:
    """Rescue what stopped processes left behind, give up what is overdue, forget senders that may be used again."""
    rescue.run()
    circuits.forget_senders()
