"""The message broker: its queues, and publishing to them.

Celery is imported inside the functions: without CELERY_BROKER_URL it need not be installed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from delivery.models import Email

LANES = (Email.Priority.HIGH, Email.Priority.NORMAL)  # that messages tell of; see workers/bulk
HAND_OVER = "delivery.hand_over"  # the task that takes an email's id
SWEEP, CHECK_PROVIDERS, TRY_SUSPECTS = "delivery.sweep", "delivery.check_providers", "delivery.try_suspects"
_CONNECT_SECONDS = 2
_REDIS = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": 5}
_AMQP = {"read_timeout": 5, "write_timeout": 5}
_TIMEOUTS = {"redis": _REDIS, "rediss": _REDIS, "amqp": _AMQP, "amqps": _AMQP}
Notice = tuple[str, str]  # lane, id of a due email


def queue_name(lane: str) -> str:
    """Return the name of a lane's queue."""
    return f"{settings.CELERY_QUEUE_PREFIX}.{lane}"


def connection() -> Any:
    """Return a lazy connection; its first use tries each node of the broker once, for two seconds."""
    from celery import current_app

    url = settings.CELERY_BROKER_URL
    others = url.count(";")  # further nodes, in the notation of kombu
    patience = {
        "max_retries": others,
        "interval_start": 0,
        "connect_retries_timeout": _CONNECT_SECONDS * (others + 1),
    }
    return current_app.connection_for_write(
        connect_timeout=_CONNECT_SECONDS,
        transport_options=patience | _TIMEOUTS.get(url.partition("://")[0], {}),
    )


@contextmanager
def connected() -> Iterator[Any]:
    """Give a connection, closed at the end of the block."""
    with connection() as opened:
        yield opened


def publish(notices: Sequence[Notice], connection: Any) -> None:
    """Publish a message for each notice to the queue of its lane; raises any error of the broker's client."""
    from celery import current_app

    with current_app.amqp.Producer(connection, auto_declare=False) as producer:
        for lane, pk in notices:
            current_app.send_task(HAND_OVER, (pk,), queue=queue_name(lane), producer=producer, retry=False)


def waiting(lane: str, connection: Any) -> int:
    """Return the number of messages in a lane's queue that no worker has taken yet."""
    from celery import current_app

    queue = current_app.amqp.queues[queue_name(lane)]
    return int(queue.bind(connection.default_channel).queue_declare().message_count)
