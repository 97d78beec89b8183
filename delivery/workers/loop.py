"""The steps shared by all workers: one guarded action, one email, webhooks, the rescue of orphans."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections, connection

from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.deletion import background as deletions
from delivery.erasure import background as erasures
from delivery.events.polling import Poller
from delivery.mailings.run import Runner
from delivery.models import Email
from delivery.monitoring import listener, quotas, readiness
from delivery.recovery import rescue, watch
from delivery.routing import circuits, configured
from delivery.routing.governor import Permit
from delivery.sending import rounds
from delivery.sending.rounds import GoingOn
from delivery.submission import cancelling
from delivery.webhooks.dispatcher import Dispatcher
from delivery.workers import importing
from providers.wire import shortage

RESCUE_SECONDS = 5.0  # between two rescues
_TICKS, _TICK_SECONDS = 5, 0.2  # between two looks for an import
_STEP_SECONDS = 0.4  # between two steps of mailings that have nothing to write at once
T = TypeVar("T")
log = logging.getLogger(__name__)


def guarded(action: Callable[[], T], failed: str) -> T | None:
    """Run an action and return its result; log any exception and return None, so that the worker goes on."""
    close_old_connections()
    try:
        result = action()
    except AWAY as error:
        if not _is_shortage(error, failed):
            outages.report(failed, error)
    except Exception as error:
        if not _is_shortage(error, failed):
            log.exception(failed)
    else:
        outages.works()
        return result
    finally:
        close_old_connections()
    return None


def _is_shortage(error: Exception, failed: str) -> bool:
    """Tell whether this process is short of files or memory; then its connection is closed, for others."""
    if not (shortage.explains(error) or (isinstance(error, AWAY) and shortage.is_here())):
        return False
    log.error("%s: this machine ran short, %s; it is tried again", failed, error)
    connection.close()
    return True


def may_begin(going_on: GoingOn) -> bool:
    """Tell whether to take an email: the process is not stopping, it could ask somebody, some provider may be used.

    For a second after a shortage nobody could be asked: every attempt would be a row for nothing.
    """
    return going_on() and not shortage.was_lately() and circuits.any_may_be_used(configured.names())


def dispatch(pk: UUID, going_on: GoingOn, permit: Permit) -> Email | None:
    """Hand over a due email; None if another process has it, or after an unexpected exception, which is logged.

    Raises the errors of a database that is away, and of a machine that has run short.
    """
    try:
        return rounds.dispatch(pk, going_on, permit)
    except AWAY:
        raise
    except Exception as error:
        if shortage.explains(error):
            raise
        log.exception("Email %s could not be handed over; its claim ends with its lease", pk)
        return None
    finally:
        permit.give_back()


def ask_vendors() -> None:
    """Ask the vendors whose last answers are old: for their quotas, and whether they would carry mail."""
    guarded(quotas.refresh_due, "The providers could not be asked for their quotas")
    readiness.check_due()


def post_webhooks(going_on: GoingOn) -> None:
    """Post due webhooks while it goes on; then finish the calls under way."""
    dispatcher = Dispatcher()
    while going_on():
        guarded(dispatcher.step, "Webhooks could not be posted")
        dispatcher.wait()
    guarded(dispatcher.finish, "The last webhooks could not be written down; they are posted once more")
    connection.close()


def run_imports(going_on: GoingOn) -> None:
    """Run due imports in child processes while it goes on: reading a file must not slow down the threads that send."""
    while going_on():
        guarded(lambda: importing.run_some(going_on), "Imports could not be run")
        for _ in range(_TICKS):
            if going_on():
                time.sleep(_TICK_SECONDS)
    connection.close()


def run_mailings(going_on: GoingOn) -> None:
    """Check mailings and make their emails ahead of their rates while it goes on."""
    runner = Runner()
    while going_on():
        if not guarded(lambda: runner.step(going_on), "Mailings could not be taken further"):
            time.sleep(_STEP_SECONDS)
    guarded(runner.finish, "The claims of mailings end with their leases")
    connection.close()


def tell_metrics(going_on: GoingOn) -> None:
    """Answer /metrics while it goes on, if this worker has an address for it."""
    while settings.GOMAIL_METRICS_LISTEN and going_on():
        guarded(lambda: listener.run(going_on), "Metrics could not be told")


def read_events(poller: Poller, stop: threading.Event) -> None:
    """Read the queue of an account's events until `stop` is set, whatever happens meanwhile."""
    while not stop.is_set():
        guarded(lambda: poller.run(stop), "The events of a queue could not be read")
        stop.wait(RESCUE_SECONDS)


def clean_up() -> None:
    """Look at clock and database, rescue orphans, cancel emails, forget circuits, erased people and deleted teams."""
    watch.look()
    rescue.run()
    cancelling.finish()
    circuits.forget_senders()
    erasures.look()
    erasures.go_on()
    deletions.look()
    deletions.go_on()
